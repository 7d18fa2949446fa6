//! Rate limits that several servers count together: one key for each pace, stepped by a script.

use std::fmt;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use redis::{Pipeline, cmd, pipe};

use super::address::{Address, Arrangement};
use super::connect_error::ConnectError;
use super::connector::Connector;
use super::link::Commands;
use crate::domain::limit::Decision;
use crate::ports::{BusError, Excess, PaceStep, SharedPaces};

/// Steps a pace by the generic cell rate algorithm, as `Pace::step` does, at the time of Redis.
///
/// `KEYS[1]` holds the time at which everything used so far is available again; it expires then. `ARGV` are the
/// microseconds that one use, the whole quota and the wanted uses take, 1 if an excess is charged, and the present time
/// for tests, or 0. Returns the microseconds used after the step, and those wanted. Lua's numbers are exact up to
/// 2^53 microseconds, which is the year 2255.
const STEP: &str = r"
local interval, whole, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now = tonumber(ARGV[5])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local due = tonumber(redis.call('GET', KEYS[1]) or 0)
local used = math.min(math.max(due, now), now + whole) - now
local wanted = used + cost
if wanted > whole and ARGV[4] == '1' then
  wanted = used + math.floor((whole - used) / interval) * interval
end
if wanted <= whole then used = wanted end
if used > 0 then
  redis.call('SET', KEYS[1], string.format('%.0f', now + used), 'PX', math.ceil(used / 1000))
end
return {used, wanted}
";

/// Rate limits that several servers count together on Redis: a single server, or a cluster.
///
/// ```no_run
/// # fn open() -> Result<(), letsapp_core::adapters::redis::ConnectError> {
/// use letsapp_core::adapters::redis::RedisPaces;
///
/// let paces = RedisPaces::connect("redis://localhost:6379")?;
/// # drop(paces);
/// # Ok(())
/// # }
/// ```
pub struct RedisPaces {
    commands: Commands,
    arrangement: Arrangement,
    prefix: String,
}

impl RedisPaces {
    /// Prepares a connection to an address as [`RedisBus`](super::RedisBus) takes it. The first step connects.
    ///
    /// # Errors
    /// [`ConnectError`] if the address is not valid.
    pub fn connect(address: &str) -> Result<Self, ConnectError> {
        let address = Address::parse(address)?;
        Ok(Self {
            commands: Commands::new(Connector::new(&address)?),
            arrangement: address.arrangement,
            prefix: address.prefix,
        })
    }

    /// Makes steps at a time given in microseconds; 0 is the time of Redis.
    async fn step_at(&self, steps: &[PaceStep], now: i64) -> Result<Vec<Decision>, BusError> {
        let mut pipelines: Vec<Pipeline> = Vec::new();
        for step in steps {
            // In a cluster every key has a server of its own.
            if pipelines.is_empty() || self.arrangement == Arrangement::Cluster {
                pipelines.push(pipe());
            }
            let mut call = cmd("EVAL");
            call.arg(STEP)
                .arg(1)
                .arg(format!("{}:pace:{}", self.prefix, step.key))
                .arg(step.quota.interval())
                .arg(step.quota.whole())
                .arg(step.quota.takes(step.cost))
                .arg(u8::from(step.excess == Excess::Charged))
                .arg(now);
            if let Some(pipeline) = pipelines.last_mut() {
                pipeline.add_command(call);
            }
        }
        let answers = pipelines
            .iter()
            .map(|pipeline| self.commands.run::<Vec<(i64, i64)>>(pipeline));
        let answers: Vec<_> = try_join_all(answers).await?.into_iter().flatten().collect();
        if answers.len() != steps.len() {
            return Err(BusError::new("Redis did not answer all steps"));
        }
        let decide = |(step, (used, wanted)): (&PaceStep, (i64, i64))| Decision::of(step.quota, used, wanted);
        Ok(steps.iter().zip(answers).map(decide).collect())
    }
}

#[async_trait]
impl SharedPaces for RedisPaces {
    async fn step(&self, steps: &[PaceStep]) -> Result<Vec<Decision>, BusError> {
        self.step_at(steps, 0).await
    }
}

impl fmt::Debug for RedisPaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisPaces")
            .field("arrangement", &self.arrangement)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::domain::limit::{Pace, Quota, Verdict};
    use crate::domain::steady_time::SteadyTime;

    /// Time after which the keys of the test expire in Redis, whatever the time of the test is: later than it ends.
    const START: i64 = 1_795_338_000_000;

    #[derive(Clone, Debug)]
    struct Use {
        after_millis: i64,
        cost: u32,
        charged: bool,
    }

    fn uses() -> impl Strategy<Value = Vec<Use>> {
        let one = (0..3_000_i64, 0..6_u32, any::<bool>()).prop_map(|(after_millis, cost, charged)| Use {
            after_millis,
            cost,
            charged,
        });
        prop::collection::vec(one, 1..12)
    }

    /// The machine, with a charge as the limiter makes it.
    fn machine(pace: Pace, quota: Quota, one: &Use, now: SteadyTime) -> (Pace, Decision) {
        let cost = if one.charged {
            let (_, left) = pace.step(quota, 0, now);
            one.cost.min(left.remaining)
        } else {
            one.cost
        };
        pace.step(quota, cost, now)
    }

    #[test]
    fn the_script_decides_as_the_machine_does() {
        let Some(url) = letsapp_testkit::redis::shared() else {
            return;
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let prefix = format!("paces-{}", std::process::id());
        let paces = RedisPaces::connect(&format!("{url}?prefix={prefix}")).unwrap();
        let mut runner = TestRunner::new(ProptestConfig::with_cases(64));
        let cases = AtomicU32::new(0);
        let quotas = (1..5_u32, 60_000..600_000_u64);
        let outcome = runner.run(&(quotas, uses()), |((amount, millis), uses)| {
            let case = cases.fetch_add(1, Ordering::Relaxed);
            let quota = Quota::new(amount, Duration::from_millis(millis)).expect("it is sensible");
            let (mut pace, mut now) = (Pace::default(), START);
            for one in &uses {
                now += one.after_millis;
                let (next, expected) = machine(pace, quota, one, SteadyTime::from_millis(now));
                pace = next;
                let step = PaceStep {
                    key: format!("case:{case}"),
                    quota,
                    cost: one.cost,
                    excess: if one.charged { Excess::Charged } else { Excess::Denied },
                };
                let decided = runtime
                    .block_on(paces.step_at(&[step], now * 1_000))
                    .expect("Redis answers");
                prop_assert_eq!(decided, [expected], "{:?} of {:?}", one, uses);
            }
            Ok(())
        });
        outcome.unwrap();
    }

    #[test]
    fn many_steps_are_answered_in_their_order_and_parallel_ones_share_the_quota() {
        let Some(url) = letsapp_testkit::redis::shared() else {
            return;
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let prefix = format!("paces-many-{}", std::process::id());
        let connect = || RedisPaces::connect(&format!("{url}?prefix={prefix}")).unwrap();
        let (east, west) = (connect(), connect());
        let quota = Quota::new(10, Duration::from_secs(3_600)).unwrap();
        let step = |key: &str| PaceStep {
            key: key.to_owned(),
            quota,
            cost: 1,
            excess: Excess::Denied,
        };
        let mixed: Vec<_> = (0..20).map(|n| step(if n % 2 == 0 { "a" } else { "b" })).collect();
        let (here, there) = runtime.block_on(async { tokio::join!(east.step(&mixed), west.step(&mixed)) });
        let allowed = |decisions: Result<Vec<Decision>, BusError>| {
            let allowed = |decision: &&Decision| decision.verdict == Verdict::Allowed;
            decisions.unwrap().iter().filter(allowed).count()
        };
        assert_eq!(allowed(here) + allowed(there), 20, "ten of each key");
    }
}
