//! What else used the processor: a neighbour's load doubles times, and nothing else would tell.

use std::time::Instant;

/// Where the processor's time had gone at one moment.
pub struct Load {
    at: Instant,
    /// Clock ticks that all cores together were busy.
    busy: u64,
    /// Clock ticks of all cores, idle ones too.
    total: u64,
    /// Clock ticks of this process.
    own: u64,
    cores: u64,
}

impl Load {
    /// Now; `None` where the system does not say.
    pub fn now() -> Option<Self> {
        let system = std::fs::read_to_string("/proc/stat").ok()?;
        let (busy, total) = system_ticks(&system)?;
        let own = own_ticks(&std::fs::read_to_string("/proc/self/stat").ok()?)?;
        let is_core =
            |line: &&str| line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        let cores = system.lines().filter(is_core).count().max(1) as u64;
        Some(Self { at: Instant::now(), busy, total, own, cores })
    }

    /// How many cores others kept busy since then on average. `None` over too short a time: the system counts in
    /// hundredths of a second.
    pub fn others_since(&self) -> Option<f64> {
        /// Below this a single tick would be a tenth of a core.
        const LEAST_SECONDS: f64 = 0.1;
        if self.at.elapsed().as_secs_f64() < LEAST_SECONDS {
            return None;
        }
        let now = Self::now()?;
        let total = now.total.checked_sub(self.total).filter(|&ticks| ticks > 0)?;
        let busy = now.busy.saturating_sub(self.busy);
        let own = now.own.saturating_sub(self.own);
        Some(busy.saturating_sub(own) as f64 / total as f64 * self.cores as f64)
    }
}

/// Busy ticks and all ticks, from the first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal.
/// What follows (guests) is counted in the first two already.
fn system_ticks(text: &str) -> Option<(u64, u64)> {
    let numbers: Vec<u64> =
        text.lines().next()?.strip_prefix("cpu ")?.split_whitespace().take(8).map_while(|n| n.parse().ok()).collect();
    let total: u64 = numbers.iter().sum();
    let idle = numbers.get(3)? + numbers.get(4)?;
    Some((total - idle, total))
}

/// User and system ticks of `/proc/self/stat`: fields 14 and 15. The second is a name in brackets that may hold blanks.
fn own_ticks(text: &str) -> Option<u64> {
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_in_what_the_system_writes() {
        let system = "cpu  100 5 30 800 20 1 4 40 7 0\ncpu0 50 0 0 0 0 0 0 0 0 0\n";
        assert_eq!(system_ticks(system), Some((180, 1000)));
        let own = "4321 (glass) box) R 1 4321 4321 0 -1 4194304 900 0 0 0 250 17 0 0 20 0 3 0 1 1 1";
        assert_eq!(own_ticks(own), Some(267));
        assert_eq!((system_ticks("intr 5"), own_ticks("")), (None, None));
    }
}
