/**
 * Steps of idempotency keys that must be one for everybody, as Lua. A run is a hash (`c` digest of its content, `o` claimant, `a` when
 * it was claimed, `e` its end); a tenant's names are a sorted set by the end of their time, beside a hash of their ends' bytes (`*` all).
 * Time is the server's.
 */
const NOW = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
`;

/** KEYS run, names, sizes; ARGV content, claimant, lease, kept, most runs, most bytes, name. */
const claim = `${NOW}
local r = redis.call('HMGET', KEYS[1], 'c', 'o', 'e')
if r[1] then
  if r[1] ~= ARGV[1] then return {'clash'} end
  if r[3] then return {'ended', r[3]} end
  if r[2] ~= ARGV[2] then return {'running'} end
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return {'mine'}
end
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 100)) do
  local size = redis.call('HGET', KEYS[3], gone)
  if size then redis.call('HINCRBY', KEYS[3], '*', -size) end
  redis.call('HDEL', KEYS[3], gone)
  redis.call('ZREM', KEYS[2], gone)
end
local runs, bytes = redis.call('ZCARD', KEYS[2]), tonumber(redis.call('HGET', KEYS[3], '*') or '0')
if runs >= tonumber(ARGV[5]) or bytes >= tonumber(ARGV[6]) then return {'full', runs, bytes} end
redis.call('HSET', KEYS[1], 'c', ARGV[1], 'o', ARGV[2], 'a', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('ZADD', KEYS[2], string.format('%.0f', now + ARGV[3]), ARGV[7])
redis.call('PEXPIRE', KEYS[2], ARGV[4] * 2)
return {'mine'}
`;

/** KEYS run, names; ARGV claimant, lease, name. */
const renew = `${NOW}
local r = redis.call('HMGET', KEYS[1], 'o', 'e')
if r[1] ~= ARGV[1] then return 0 end
if r[2] then return 1 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[2], string.format('%.0f', now + ARGV[2]), ARGV[3])
return 1
`;

/** KEYS run, names, sizes; ARGV content, claimant, kept, name, end, bytes. What is not there any more is kept from now on. */
const finish = `${NOW}
local r = redis.call('HMGET', KEYS[1], 'o', 'a', 'e')
if r[1] and r[1] ~= ARGV[2] then return 0 end
if r[3] then return 1 end
local at = tonumber(r[2] or now)
local left = math.max(1, at + ARGV[3] - now)
redis.call('HSET', KEYS[1], 'c', ARGV[1], 'o', ARGV[2], 'a', string.format('%.0f', at), 'e', ARGV[5])
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', left))
redis.call('ZADD', KEYS[2], string.format('%.0f', now + left), ARGV[4])
redis.call('HSET', KEYS[3], ARGV[4], ARGV[6])
redis.call('HINCRBY', KEYS[3], '*', ARGV[6])
redis.call('PEXPIRE', KEYS[2], ARGV[3] * 2)
redis.call('PEXPIRE', KEYS[3], ARGV[3] * 2)
return 1
`;

/** KEYS run, names; ARGV claimant, name. */
const release = `
local r = redis.call('HMGET', KEYS[1], 'o', 'e')
if r[1] ~= ARGV[1] or r[2] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[2])
return 1
`;

/** Every step's script. */
export const runScripts = { claim, renew, finish, release };
