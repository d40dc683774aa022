# zlib, as an archive for the interpreter: zip files of extensions, compressed replies.
CC=zcc AR=zar RANLIB=zranlib ./configure --static --prefix=/usr >/dev/null
make -s -j"$jobs" libz.a
