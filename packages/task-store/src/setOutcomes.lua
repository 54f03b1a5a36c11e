-- Stores tasks that have their outcome, each with its own time to live.
-- KEYS    the tasks
-- ARGV    for each of them in order: its value, then its time to live in milliseconds
-- Result  nothing
for i, key in ipairs(KEYS) do
  redis.call("SET", key, ARGV[2 * i - 1], "PX", ARGV[2 * i])
end
