-- Keeps the set of non-empty queues exact after some of them changed.
-- KEYS    1: the set; 2 and on: of each queue that changed its own tasks, then its scheduled ones
-- ARGV    the name in the set of each of those queues, in the same order
-- Result  nothing
for i, name in ipairs(ARGV) do
  local command = redis.call("EXISTS", KEYS[2 * i], KEYS[2 * i + 1]) > 0 and "SADD" or "SREM"
  redis.call(command, KEYS[1], name)
end
