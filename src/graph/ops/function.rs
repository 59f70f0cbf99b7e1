//! Functions of one number, with their derivatives.

use candle_core::cpu::erf::{erf_f64, erfc_f64};

/// SELU's constants (Klambauer et al. 2017).
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

/// A function applied to each element. NaN stays NaN, so that broken weights show.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Function {
    /// `x` where positive, `slope · x` elsewhere.
    LeakyRelu {
        /// The factor below 0.
        slope: f64,
    },
    /// `x` where positive, `alpha · (eˣ − 1)` elsewhere.
    Elu {
        /// The negative of the limit at −∞.
        alpha: f64,
    },
    /// The scaled ELU of self-normalising networks (Klambauer et al. 2017).
    Selu,
    /// `x` where positive, `alpha · (e^(x / alpha) − 1)` elsewhere.
    Celu {
        /// The negative of the limit at −∞.
        alpha: f64,
    },
    /// `1 / (1 + e⁻ˣ)`.
    Sigmoid,
    /// `alpha · x + beta`, cut off at 0 and 1; PyTorch's has `alpha = 1/6` and `beta = 1/2`, Keras 2's 0.2 and 0.5.
    HardSigmoid {
        /// The slope.
        alpha: f64,
        /// The value at 0.
        beta: f64,
    },
    /// `x · min(max(x + 3, 0), 6) / 6` (Howard et al. 2019).
    HardSwish,
    /// `x · sigmoid(x)`, also called swish.
    Silu,
    /// `x · Φ(x)` with the normal distribution Φ (Hendrycks and Gimpel 2016).
    Gelu {
        /// Whether Φ is approximated by `tanh`, as some networks were trained.
        tanh: bool,
    },
    /// `x`, cut off at `min` and `max`, where the derivative is 0. With `min` 0 it is a rectifier (`ReLU6` has `max` 6)
    /// and follows the rules of guided backpropagation and deconvnet.
    Clip {
        /// The smallest value; −∞ for none.
        min: f64,
        /// The largest value; ∞ for none.
        max: f64,
    },
    /// The hyperbolic tangent.
    Tanh,
    /// The error function.
    Erf,
    /// `ln(1 + eˣ)`.
    Softplus,
    /// `x / (1 + |x|)`.
    Softsign,
    /// `x · tanh(softplus(x))` (Misra 2019).
    Mish,
    /// `eˣ`.
    Exp,
    /// The natural logarithm.
    Log,
    /// The square root.
    Sqrt,
    /// `−x`.
    Neg,
    /// `|x|`; its derivative at 0 is 0.
    Abs,
    /// `1 / x`.
    Reciprocal,
    /// `x` to this power.
    Power(f64),
    /// −1, 0 or 1; no gradient.
    Sign,
    /// The next integer below; no gradient.
    Floor,
    /// The next integer above; no gradient.
    Ceil,
    /// The nearest integer, the even one where two are; no gradient.
    Round,
}

impl Function {
    /// `ReLU6`: `x`, cut off at 0 and 6.
    pub const RELU6: Self = Self::Clip { min: 0.0, max: 6.0 };

    /// The function's name, as PyTorch's layer where there is one.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LeakyRelu { .. } => "LeakyReLU",
            Self::Elu { .. } => "ELU",
            Self::Selu => "SELU",
            Self::Celu { .. } => "CELU",
            Self::Sigmoid => "Sigmoid",
            Self::HardSigmoid { .. } => "Hardsigmoid",
            Self::HardSwish => "Hardswish",
            Self::Silu => "SiLU",
            Self::Gelu { .. } => "GELU",
            Self::Clip { .. } if self == Self::RELU6 => "ReLU6",
            Self::Clip { .. } => "Clip",
            Self::Tanh => "Tanh",
            Self::Erf => "Erf",
            Self::Softplus => "Softplus",
            Self::Softsign => "Softsign",
            Self::Mish => "Mish",
            Self::Exp => "Exp",
            Self::Log => "Log",
            Self::Sqrt => "Sqrt",
            Self::Neg => "Neg",
            Self::Abs => "Abs",
            Self::Reciprocal => "Reciprocal",
            Self::Power(_) => "Power",
            Self::Sign => "Sign",
            Self::Floor => "Floor",
            Self::Ceil => "Ceil",
            Self::Round => "Round",
        }
    }

    /// Whether it cuts off what is negative and passes what is small and positive, as ReLU does.
    #[must_use]
    pub fn is_rectifier(self) -> bool {
        matches!(self, Self::Clip { min, max } if min == 0.0 && max > 0.0)
    }

    /// Whether the derivative is 0 wherever there is one.
    #[must_use]
    pub fn is_flat(self) -> bool {
        matches!(self, Self::Sign | Self::Floor | Self::Ceil | Self::Round)
    }

    /// The value at `x`.
    #[must_use]
    pub fn value(self, x: f64) -> f64 {
        match self {
            Self::LeakyRelu { slope } if x > 0.0 || slope == 1.0 => x,
            Self::LeakyRelu { slope } => slope * x,
            Self::Elu { .. } | Self::Celu { .. } if x > 0.0 => x,
            Self::Elu { alpha } => alpha * x.exp_m1(),
            Self::Selu if x > 0.0 => SELU_SCALE * x,
            Self::Selu => SELU_SCALE * SELU_ALPHA * x.exp_m1(),
            Self::Celu { alpha } => alpha * (x / alpha).exp_m1(),
            Self::Sigmoid => sigmoid(x),
            Self::HardSigmoid { alpha, beta } => cut_off(alpha * x + beta, 0.0, 1.0),
            Self::HardSwish => x * cut_off(x + 3.0, 0.0, 6.0) / 6.0,
            Self::Silu => x / (1.0 + (-x).exp()),
            Self::Gelu { tanh: false } => x * normal(x),
            Self::Gelu { tanh: true } => 0.5 * x * (1.0 + gelu_argument(x).tanh()),
            Self::Clip { min, max } => cut_off(x, min, max),
            Self::Tanh => x.tanh(),
            Self::Erf => erf_f64(x),
            Self::Softplus => softplus(x),
            Self::Softsign => x / (1.0 + x.abs()),
            Self::Mish => x * softplus(x).tanh(),
            Self::Exp => x.exp(),
            Self::Log => x.ln(),
            Self::Sqrt => x.sqrt(),
            Self::Neg => -x,
            Self::Abs => x.abs(),
            Self::Reciprocal => x.recip(),
            Self::Power(power) => x.powf(power),
            Self::Sign => sign(x),
            Self::Floor => x.floor(),
            Self::Ceil => x.ceil(),
            Self::Round => x.round_ties_even(),
        }
    }

    /// The derivative at `x`; where there is none (a kink), that of the side on which the function is flat, or else
    /// PyTorch's choice.
    #[must_use]
    pub fn derivative(self, x: f64) -> f64 {
        match self {
            Self::LeakyRelu { .. } | Self::Elu { .. } | Self::Celu { .. } if x > 0.0 => 1.0,
            Self::LeakyRelu { slope } => slope,
            Self::Elu { alpha } => alpha * x.exp(),
            Self::Selu if x > 0.0 => SELU_SCALE,
            Self::Selu => SELU_SCALE * SELU_ALPHA * x.exp(),
            Self::Celu { alpha } => (x / alpha).exp(),
            Self::Sigmoid => sigmoid(x) * sigmoid(-x),
            Self::HardSigmoid { alpha, beta } => {
                let y = alpha * x + beta;
                if y > 0.0 && y < 1.0 { alpha } else { 0.0 }
            }
            Self::HardSwish if x <= -3.0 => 0.0,
            Self::HardSwish if x >= 3.0 => 1.0,
            Self::HardSwish => x / 3.0 + 0.5,
            Self::Silu => {
                let s = sigmoid(x);
                s * (1.0 + x * sigmoid(-x))
            }
            Self::Gelu { tanh: false } => {
                normal(x) + x * (-0.5 * x * x).exp() * (0.5 * std::f64::consts::FRAC_1_PI).sqrt()
            }
            Self::Gelu { tanh: true } => {
                let t = gelu_argument(x).tanh();
                let inner = GELU_SCALE * (1.0 + 3.0 * GELU_CUBE * x * x);
                0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * inner
            }
            Self::Clip { min, max } => f64::from(u8::from(x > min && x < max)),
            Self::Tanh => {
                let t = x.tanh();
                (1.0 - t) * (1.0 + t)
            }
            Self::Erf => std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp(),
            Self::Softplus => sigmoid(x),
            Self::Softsign => (1.0 + x.abs()).powi(-2),
            Self::Mish => {
                let t = softplus(x).tanh();
                t + x * (1.0 - t * t) * sigmoid(x)
            }
            Self::Exp => x.exp(),
            Self::Log => x.recip(),
            Self::Sqrt => 0.5 / x.sqrt(),
            Self::Neg => -1.0,
            Self::Abs => sign(x),
            Self::Reciprocal => -(x * x).recip(),
            Self::Power(0.0) | Self::Sign | Self::Floor | Self::Ceil | Self::Round => 0.0,
            Self::Power(power) => power * x.powf(power - 1.0),
        }
    }
}

/// The factors of GELU's approximation by `tanh`.
pub(super) const GELU_SCALE: f64 = 0.797_884_560_802_865_4;
pub(super) const GELU_CUBE: f64 = 0.044_715;

fn gelu_argument(x: f64) -> f64 {
    GELU_SCALE * (x + GELU_CUBE * x * x * x)
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `ln(1 + eˣ)` without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// The normal distribution function.
fn normal(x: f64) -> f64 {
    0.5 * erfc_f64(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// `x` between two bounds; NaN stays NaN.
fn cut_off(x: f64, min: f64, max: f64) -> f64 {
    if x < min {
        min
    } else if x > max {
        max
    } else {
        x
    }
}

/// −1, 0 or 1; NaN stays NaN.
fn sign(x: f64) -> f64 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        x
    }
}
