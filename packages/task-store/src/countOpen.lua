-- Changes counts of what is open; a count that comes to 0 goes, so that only what is active is in a hash.
-- KEYS    for each count: its hash
-- ARGV    for each count in the same order: its field, then by how much it changes
-- Result  nothing
for i, key in ipairs(KEYS) do
  local field = ARGV[2 * i - 1]
  if redis.call("HINCRBY", key, field, ARGV[2 * i]) == 0 then
    redis.call("HDEL", key, field)
  end
end
