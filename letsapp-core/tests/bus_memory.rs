//! Contract of buses between servers, in memory.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use letsapp_core::adapters::memory::MemoryBus;
use letsapp_core::contract::bus::BusSubject;
use letsapp_core::ports::{EventBus, ManualClock};

/// Bus in memory, whose time is set by hand.
struct Memory {
    clock: Arc<ManualClock>,
    bus: MemoryBus,
}

impl Memory {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        Self {
            bus: MemoryBus::new(clock.clone()),
            clock,
        }
    }
}

#[async_trait]
impl BusSubject for Memory {
    async fn open(&self) -> Arc<dyn EventBus> {
        Arc::new(self.bus.clone())
    }

    async fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }
}

letsapp_core::bus_contract_suite!(memory, Memory::new());
