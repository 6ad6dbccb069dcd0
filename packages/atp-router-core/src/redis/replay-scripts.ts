/**
 * Steps of the replay store that must be one for everybody, as Lua. A session is a hash (`p` principal, `o` owner, `t` its tokens'
 * ids as JSON); a stream's messages are a Redis Stream whose ids are `<seq>-1`, so that order and repeats are the server's matter,
 * beside a hash (`last` highest number ever, `lost` highest that was evicted, `n` bytes kept).
 */

/** KEYS session, streams; ARGV principal, owner, tokens, keep. Returns the tokens that were. */
const publish = `
local before = redis.call('HGET', KEYS[1], 't')
redis.call('HSET', KEYS[1], 'p', ARGV[1], 'o', ARGV[2], 't', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return before
`;

/** KEYS session, streams, messages, books; ARGV seq, data, kind, end, bytes, most, keep, stream. Returns -1 without a session, 0 for a repeat. */
const append = `
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
local b = redis.call('HMGET', KEYS[4], 'last', 'n', 'lost')
if tonumber(ARGV[1]) <= tonumber(b[1] or '0') then return 0 end
local n, lost = tonumber(b[2] or '0') + tonumber(ARGV[5]), b[3] or '0'
redis.call('XADD', KEYS[3], ARGV[1] .. '-1', 'd', ARGV[2], 'k', ARGV[3], 'e', ARGV[4], 'n', ARGV[5])
local count = redis.call('XLEN', KEYS[3])
while n > tonumber(ARGV[6]) and count > 1 do
  local oldest = redis.call('XRANGE', KEYS[3], '-', '+', 'COUNT', 1)[1]
  if oldest[2][6] == '1' then break end
  redis.call('XDEL', KEYS[3], oldest[1])
  n = n - tonumber(oldest[2][8])
  lost = string.match(oldest[1], '^%d+')
  count = count - 1
end
redis.call('HSET', KEYS[4], 'last', ARGV[1], 'n', string.format('%.0f', n), 'lost', lost)
redis.call('SADD', KEYS[2], ARGV[8])
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[7]) end
redis.call('PUBLISH', KEYS[3], ARGV[1])
return 1
`;

/** KEYS messages, books; ARGV the highest number that goes. */
const trim = `
local gone = redis.call('XRANGE', KEYS[1], '-', ARGV[1] .. '-1')
if #gone == 0 then return 0 end
local n = tonumber(redis.call('HGET', KEYS[2], 'n') or '0')
for _, entry in ipairs(gone) do
  n = n - tonumber(entry[2][8])
  redis.call('XDEL', KEYS[1], entry[1])
end
redis.call('HSET', KEYS[2], 'n', string.format('%.0f', n))
return #gone
`;

/** KEYS session, streams; ARGV what keys of messages and of books begin with. Returns the session's tokens. */
const forget = `
local tokens = redis.call('HGET', KEYS[1], 't')
for _, stream in ipairs(redis.call('SMEMBERS', KEYS[2])) do redis.call('DEL', ARGV[1] .. stream, ARGV[2] .. stream) end
redis.call('DEL', KEYS[1], KEYS[2])
return tokens
`;

/** KEYS session, streams; ARGV what keys of messages and of books begin with, keep. */
const touch = `
if redis.call('PEXPIRE', KEYS[1], ARGV[3]) == 0 then return 0 end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
for _, stream in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  redis.call('PEXPIRE', ARGV[1] .. stream, ARGV[3])
  redis.call('PEXPIRE', ARGV[2] .. stream, ARGV[3])
end
return 1
`;

/** KEYS the owner's sign of life, its queue; ARGV command, most that may wait. Returns 0 when nobody takes it. */
const tell = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if redis.call('XLEN', KEYS[2]) >= tonumber(ARGV[2]) then return 0 end
redis.call('XADD', KEYS[2], '*', 'c', ARGV[1])
return 1
`;

/** Every step's script. */
export const replayScripts = { publish, append, trim, forget, touch, tell };
