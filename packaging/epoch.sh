# Sourced by whatever builds: the time of the last commit, so that two builds of one state are the same; outside of a clone the
# time of the build. Who gives another keeps it.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
