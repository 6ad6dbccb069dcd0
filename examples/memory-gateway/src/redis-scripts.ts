/**
 * What happens in Redis as one step. All keys of a store share one hash tag, so that one script may touch them; a store is one Redis.
 *
 * KEYS of each: 1 changes (stream), 2 counter (hash: n, epoch), 3 sizes of the tenant (hash id -> bytes), 4 expiries of the tenant
 * (sorted set id -> ms), 5 used by the tenant (hash: bytes, objects), 6 tenants (set), 7 the object (hash: json, etag, until).
 * ARGV: 1 id, 2 tenant, 3 prefix of object keys, then the script's own.
 */

/** The keys of a store. One hash tag: a script may name only keys of one slot. */
export function keysOf(prefix: string): { of(part: string): string } {
  return { of: (part) => `{${prefix}}:${part}` };
}

/** Change entries that the stream keeps at least; a gateway that is further behind reads everything anew. */
const kept = 100_000;
/** Expired objects that one write frees at most, so that no write takes long. */
const sweptAtOnce = 200;

const shared = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local id, tenant, prefix = ARGV[1], ARGV[2], ARGV[3]

local function told(op, which, etag)
  local n = redis.call('HINCRBY', KEYS[2], 'n', 1)
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ${kept}, n .. '-0', 'op', op, 'id', which, 'etag', etag)
end

local function forget(which)
  local bytes = redis.call('HGET', KEYS[3], which)
  if not bytes then return end
  redis.call('DEL', prefix .. which)
  redis.call('HDEL', KEYS[3], which)
  redis.call('ZREM', KEYS[4], which)
  redis.call('HINCRBY', KEYS[5], 'bytes', -bytes)
  redis.call('HINCRBY', KEYS[5], 'objects', -1)
end

for _, old in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now, 'LIMIT', 0, ${sweptAtOnce})) do
  forget(old)
  told('del', old, '')
end
-- One that the sweep did not reach yet is not there either.
local untilAt = redis.call('ZSCORE', KEYS[4], id)
if untilAt and tonumber(untilAt) <= now then
  forget(id)
  told('del', id, '')
end

local function list(text)
  local all = {}
  for one in string.gmatch(text, '[^\\n]+') do all[one] = true end
  return all
end
local etag = redis.call('HGET', KEYS[7], 'etag')
local function matches(text) return etag and (text == '*' or list(text)[etag]) end
local function holds(ifMatch, ifNoneMatch)
  if ifMatch ~= '' and not matches(ifMatch) then return false end
  return ifNoneMatch == '' or not matches(ifNoneMatch)
end
`;

/** The scripts by name. */
export const scripts = {
  /** Own ARGV: 4 json, 5 bytes, 6 ttl ms or '', 7 If-Match, 8 If-None-Match, 9 an epoch, 10 max bytes or '', 11 max objects or ''. */
  put: `${shared}
if not holds(ARGV[7], ARGV[8]) then return {'failed'} end
local bytes = tonumber(ARGV[5])
local before = tonumber(redis.call('HGET', KEYS[3], id) or '0')
local grown, more = bytes - before, etag and 0 or 1
local usedBytes = tonumber(redis.call('HGET', KEYS[5], 'bytes') or '0')
local usedObjects = tonumber(redis.call('HGET', KEYS[5], 'objects') or '0')
if ARGV[10] ~= '' and grown > 0 and usedBytes + grown > tonumber(ARGV[10]) then return {'quota', 'bytes'} end
if ARGV[11] ~= '' and more > 0 and usedObjects + more > tonumber(ARGV[11]) then return {'quota', 'objects'} end
redis.call('HSETNX', KEYS[2], 'epoch', ARGV[9])
local n = tonumber(redis.call('HGET', KEYS[2], 'n') or '0') + 1
local new = redis.call('HGET', KEYS[2], 'epoch') .. '-' .. n
redis.call('HSET', KEYS[7], 'json', ARGV[4], 'etag', new)
redis.call('HSET', KEYS[3], id, bytes)
redis.call('HINCRBY', KEYS[5], 'bytes', grown)
redis.call('HINCRBY', KEYS[5], 'objects', more)
redis.call('SADD', KEYS[6], tenant)
if ARGV[6] == '' then
  redis.call('PERSIST', KEYS[7])
  redis.call('ZREM', KEYS[4], id)
else
  local at = now + tonumber(ARGV[6])
  redis.call('PEXPIREAT', KEYS[7], at)
  redis.call('ZADD', KEYS[4], at, id)
end
told('put', id, new)
return {etag and 'replaced' or 'created', new}
`,
  /** Own ARGV: 4 If-Match, 5 If-None-Match. */
  remove: `${shared}
if not holds(ARGV[4], ARGV[5]) then return 'failed' end
if not etag then return 'absent' end
forget(id)
told('del', id, '')
return 'deleted'
`,
} as const;
