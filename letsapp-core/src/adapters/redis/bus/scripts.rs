//! Scripts that Redis runs, each as one step.
//!
//! `KEYS` are the [keys of a part](super::directory): users, entries, leases. `ARGV[1]` is the server.

/// Enters users: `ARGV[2]` and what follows.
pub(super) const ENTER: &str = r"
local server = ARGV[1]
for at = 2, #ARGV do
  local user = ARGV[at]
  local held = redis.call('HGET', KEYS[1], user)
  local known = false
  if held then
    for from = 1, #held, 16 do
      if string.sub(held, from, from + 15) == server then known = true end
    end
  end
  if not known then redis.call('HSET', KEYS[1], user, (held or '') .. server) end
  redis.call('ZADD', KEYS[2], 0, server .. user)
end
";

/// Defines the removal of an entry, and of a server's entries up to a limit, for the scripts below.
///
/// Without the list of entries, those of nobody can be told to be right: the servers of all users are given up, so that
/// every server finds its mark missing.
macro_rules! with_forget {
    ($script:literal) => {
        concat!(
            r"
local function forget(user)
  local server, rest = ARGV[1], ''
  local held = redis.call('HGET', KEYS[1], user)
  if held then
    for from = 1, #held, 16 do
      local other = string.sub(held, from, from + 15)
      if other ~= server then rest = rest .. other end
    end
    if rest == '' then redis.call('HDEL', KEYS[1], user)
    elseif #rest < #held then redis.call('HSET', KEYS[1], user, rest) end
  end
  redis.call('ZREM', KEYS[2], server .. user)
end
local function clear(limit)
  if redis.call('HEXISTS', KEYS[1], 'of ' .. ARGV[1]) == 1 and not redis.call('ZSCORE', KEYS[2], ARGV[1]) then
    redis.call('DEL', KEYS[1])
  end
  local from, to = '(' .. ARGV[1], '[' .. ARGV[1] .. string.rep('\255', 16)
  local found = redis.call('ZRANGEBYLEX', KEYS[2], from, to, 'LIMIT', 0, limit)
  for _, entry in ipairs(found) do forget(string.sub(entry, 17)) end
  return #found == tonumber(limit)
end
",
            $script
        )
    };
}

/// Removes users: `ARGV[2]` and what follows.
pub(super) const LEAVE: &str = with_forget!("for at = 2, #ARGV do forget(ARGV[at]) end");

/// Renews a lease that has not expired, by `ARGV[2]` milliseconds from now. Returns 1 if there was one, else 0: also if
/// the server's mark is missing in a key, which Redis has lost then.
pub(super) const RENEW: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local expiry = redis.call('ZSCORE', KEYS[3], ARGV[1])
if not expiry or tonumber(expiry) <= now then return 0 end
if redis.call('HEXISTS', KEYS[1], 'of ' .. ARGV[1]) == 0 or not redis.call('ZSCORE', KEYS[2], ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[3], now + ARGV[2], ARGV[1])
return 1
";

/// Removes up to `ARGV[3]` entries, and then, if none is left, takes a lease of `ARGV[2]` milliseconds. Returns 1 if
/// there are more entries.
pub(super) const BEGIN: &str = with_forget!(
    r"
if clear(ARGV[3]) then return 1 end
redis.call('HSET', KEYS[1], 'of ' .. ARGV[1], '')
redis.call('ZADD', KEYS[2], 0, ARGV[1])
local time = redis.call('TIME')
redis.call('ZADD', KEYS[3], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2], ARGV[1])
return 0
"
);

/// Removes up to `ARGV[2]` entries, and then, if none is left, the lease. Returns 1 if there are more entries.
///
/// The lease expires with the first entry that is removed: if its server lives after all, that enters all again.
pub(super) const RETIRE: &str = with_forget!(
    r"
if clear(ARGV[2]) then
  redis.call('ZADD', KEYS[3], 0, ARGV[1])
  return 1
end
redis.call('HDEL', KEYS[1], 'of ' .. ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return 0
"
);

/// Returns the servers that have a lease, valid or expired, each followed by 1 or 0.
pub(super) const SERVERS: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local leases, servers = redis.call('ZRANGE', KEYS[3], 0, -1, 'WITHSCORES'), {}
for at = 1, #leases, 2 do
  servers[at] = leases[at]
  servers[at + 1] = tonumber(leases[at + 1]) > now and 1 or 0
end
return servers
";
