//! What the measurements were made on.

use glassbox::engine::DeviceChoice;
use serde::Serialize;

/// The machine, as far as it says.
#[derive(Serialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// Cores as the system counts them, hyperthreads included.
    pub cores: usize,
    /// Threads that the networks were given.
    pub threads: usize,
    /// Vector instructions of the processor.
    pub instructions: Vec<&'static str>,
    /// Where the networks ran, as on the command line.
    pub device: String,
    /// The graphics card's name, where networks ran on one and it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu: Option<String>,
    /// Bytes of memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Operating system and architecture.
    pub system: String,
}

impl Machine {
    /// This one.
    pub fn here(device: DeviceChoice, threads: usize) -> Self {
        Self {
            processor: processor(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            threads,
            instructions: instructions(),
            device: super::device_name(device),
            gpu: gpu(device),
            memory_bytes: kib("/proc/meminfo", "MemTotal:"),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(key))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    value("model name").or_else(|| value("Model")).unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

fn instructions() -> Vec<&'static str> {
    let mut found = Vec::new();
    #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
    {
        let known = [
            ("AVX", std::arch::is_x86_feature_detected!("avx")),
            ("AVX2", std::arch::is_x86_feature_detected!("avx2")),
            ("FMA", std::arch::is_x86_feature_detected!("fma")),
            ("AVX-512F", std::arch::is_x86_feature_detected!("avx512f")),
            ("AVX-512 BF16", std::arch::is_x86_feature_detected!("avx512bf16")),
        ];
        found.extend(known.iter().filter(|(_, there)| *there).map(|(name, _)| *name));
    }
    #[cfg(target_arch = "aarch64")]
    if std::arch::is_aarch64_feature_detected!("neon") {
        found.push("NEON");
    }
    found
}

/// NVIDIA's driver lists its cards; other makers' are not known by name.
fn gpu(device: DeviceChoice) -> Option<String> {
    let DeviceChoice::Cuda(ordinal) = device else { return None };
    let mut cards: Vec<_> =
        std::fs::read_dir("/proc/driver/nvidia/gpus").ok()?.flatten().map(|card| card.path()).collect();
    cards.sort();
    let text = std::fs::read_to_string(cards.get(ordinal)?.join("information")).ok()?;
    let line = text.lines().find(|line| line.starts_with("Model:"))?;
    line.split_once(':').map(|(_, name)| name.trim().to_owned())
}

/// The bytes of a line of a file of the system that counts in KiB.
fn kib(file: &str, key: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let number = text.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?;
    number.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Forgets the greatest memory used so far, where the system can.
pub fn forget_peak_memory() {
    // Where it can't, the peak is that of the whole process.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The most memory this process had since [`forget_peak_memory`].
pub fn peak_memory() -> Option<u64> {
    kib("/proc/self/status", "VmHWM:")
}
