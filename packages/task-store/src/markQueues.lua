-- Keeps the set of non-empty queues exact after some of them changed.
-- KEYS    1: the set; 2 and on: the queues that changed
-- ARGV    the name in the set of each of those queues, in the same order
-- Result  nothing
for i, name in ipairs(ARGV) do
  local command = redis.call("EXISTS", KEYS[i + 1]) == 1 and "SADD" or "SREM"
  redis.call(command, KEYS[1], name)
end
