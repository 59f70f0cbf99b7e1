//! How an engine is set up, and why it may not start.

use std::path::PathBuf;
use std::sync::Arc;

use candle_core::Device;

/// Where networks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The processor.
    #[default]
    Cpu,
    /// An NVIDIA GPU by its ordinal; needs the `cuda` feature.
    Cuda(usize),
    /// An Apple GPU; needs the `metal` feature.
    Metal,
}

/// How the engine is set up.
pub struct Config {
    /// Where networks run.
    pub device: DeviceChoice,
    /// Threads for networks; all cores when `None`.
    pub threads: Option<usize>,
    /// Bound of all caches together.
    pub cache_bytes: usize,
    /// Folders with model cards, in order of precedence.
    pub model_dirs: Vec<PathBuf>,
    /// Called from the engine's threads whenever something has changed.
    pub wake: Arc<dyn Fn() + Send + Sync>,
}

impl Default for Config {
    /// The processor with all its cores, caches of 256 MiB, the models that come with the program, and nobody to wake.
    fn default() -> Self {
        Self {
            device: DeviceChoice::Cpu,
            threads: None,
            cache_bytes: 256 << 20,
            model_dirs: Vec::new(),
            wake: Arc::new(|| {}),
        }
    }
}

/// Why the engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The chosen device is not there, or the program was built without it.
    #[error("{device} can't be used ({reason}); choose --device cpu")]
    Device {
        /// What was asked for.
        device: String,
        /// Why not.
        reason: String,
    },
    /// The operating system gave no thread.
    #[error("Could not start a background thread: {0}")]
    Thread(#[from] std::io::Error),
    /// The pool of worker threads could not be made.
    #[error("Could not start the worker threads: {0}")]
    Pool(#[from] rayon::ThreadPoolBuildError),
}

impl DeviceChoice {
    /// Opens the device.
    ///
    /// # Errors
    /// [`EngineError::Device`] when it is not there or not built in.
    pub fn open(self) -> Result<Device, EngineError> {
        let opened = match self {
            Self::Cpu => return Ok(Device::Cpu),
            // One stream for all threads: with one each, a thread would not wait for what another has begun.
            Self::Cuda(ordinal) => Device::new_cuda_with_stream(ordinal),
            Self::Metal => Device::new_metal(0),
        };
        opened.map_err(|error| EngineError::Device { device: self.to_string(), reason: error.to_string() })
    }
}

impl std::fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(ordinal) => write!(f, "cuda:{ordinal}"),
            Self::Metal => f.write_str("metal"),
        }
    }
}

impl std::str::FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("`{text}` is no device; known are cpu, cuda, cuda:N, metal");
        match text {
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            "metal" => Ok(Self::Metal),
            other => {
                other.strip_prefix("cuda:").and_then(|ordinal| ordinal.parse().ok()).map(Self::Cuda).ok_or_else(unknown)
            }
        }
    }
}
