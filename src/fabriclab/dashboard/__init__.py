"""The page of a running lab, its control by JSON, and its metrics: the journal and the world, looked at and acted on."""
