//! Random operations on the naive model, the in-memory store and the store under test, compared one by one.

use std::env;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::task;

use super::Trial;
use super::actions::Action;
use super::model::Model;
use super::script::{Instance, Line, scripts};
use super::stage::Stage;
use crate::adapters::memory::MemoryStore;
use crate::ports::Repositories;

/// Number of random scripts, unless `PROPTEST_CASES` sets another. A compromise: enough to find most faults in every
/// run, and few enough for a store behind a network.
const SCRIPTS: u32 = 64;

/// Milliseconds for which a failing script may be shrunk. Below the timeout of a case, so that the failure is reported.
const SHRINK_MILLIS: u32 = 60_000;

pub async fn random_operations_have_the_results_of_a_naive_model(trial: Trial) {
    let cases = env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let config = Config {
        cases: cases.unwrap_or(SCRIPTS),
        max_shrink_time: SHRINK_MILLIS,
        max_shrink_iters: u32::MAX,
        failure_persistence: None,
        ..Config::default()
    };
    let theatre = Theatre::new(trial).await;
    task::block_in_place(|| {
        let runtime = Handle::current();
        let outcome = TestRunner::new(config).run(&scripts(), |script| runtime.block_on(theatre.play(script)));
        outcome.unwrap_or_else(|failure| panic!("{failure}"));
    });
}

/// The store under test and the in-memory store, on which all scripts run one after the other.
struct Theatre {
    instances: Mutex<(Trial, Trial)>,
    memory: MemoryStore,
    plays: AtomicU64,
}

impl Theatre {
    async fn new(trial: Trial) -> Self {
        let another = trial.another().await;
        Self {
            instances: Mutex::new((trial, another)),
            memory: MemoryStore::new(),
            plays: AtomicU64::new(0),
        }
    }

    async fn play(&self, script: Vec<Line>) -> Result<(), TestCaseError> {
        let (first, second) = &mut *self.instances.lock().await;
        let play = self.plays.fetch_add(1, Ordering::Relaxed);
        let mut model = Model::default();
        let opening = Stage::new(play, 0, &model).opening();
        for action in opening {
            self.compare(&mut model, &*first, action).await?;
        }
        for (now, line) in (1..).zip(script) {
            let (instance, question) = match line {
                Line::Ask(Instance::First, question) => (&*first, question),
                Line::Ask(Instance::Second, question) => (&*second, question),
                Line::Restart => {
                    second.store.close().await;
                    first.restart().await;
                    *second = first.another().await;
                    continue;
                }
            };
            let action = Stage::new(play, now, &model).action(question);
            self.compare(&mut model, instance, action).await?;
        }
        let finale = Stage::new(play, 0, &model).finale();
        for action in finale {
            self.compare(&mut model, first, action.clone()).await?;
            self.compare(&mut model, second, action).await?;
        }
        Ok(())
    }

    /// Carries out an action on the model and both stores, and fails if a result differs from the model's.
    async fn compare(&self, model: &mut Model, subject: &Trial, action: Action) -> Result<(), TestCaseError> {
        let expected = model.carry_out(&action);
        let failed = |error| TestCaseError::fail(format!("{error:?} for {action:?}"));
        let stores: [(&str, &dyn Repositories); 2] = [("memory", &self.memory), ("the subject", &*subject.store)];
        for (name, store) in stores {
            let answer = action.clone().ask(store).await.map_err(failed)?;
            if answer != expected {
                let difference = format!("{action:#?}\nexpected {expected:#?}\nbut {name} answered {answer:#?}");
                return Err(TestCaseError::fail(difference));
            }
        }
        Ok(())
    }
}
