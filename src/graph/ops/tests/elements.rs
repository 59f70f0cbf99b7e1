//! Functions of single numbers and arithmetic on two.

use candle_core::{DType, Device, Tensor};

use super::{
    super::{
        super::{
            kernels,
            op::{Op, Rule, Saved},
        },
        Arithmetic, Binary, BinaryConstant, Broadcast, Function, Map, binary, map,
    },
    check_gradient, difference, noise, values,
};

const FUNCTIONS: [Function; 30] = [
    Function::LeakyRelu { slope: 0.01 },
    Function::LeakyRelu { slope: 1.5 },
    Function::Elu { alpha: 0.7 },
    Function::Selu,
    Function::Celu { alpha: 1.3 },
    Function::Sigmoid,
    Function::HardSigmoid { alpha: 0.2, beta: 0.5 },
    Function::HardSwish,
    Function::Silu,
    Function::Gelu { tanh: false },
    Function::Gelu { tanh: true },
    Function::RELU6,
    Function::Clip { min: -1.5, max: 2.5 },
    Function::Clip { min: f64::NEG_INFINITY, max: 0.5 },
    Function::Tanh,
    Function::Erf,
    Function::Softplus,
    Function::Softsign,
    Function::Mish,
    Function::Exp,
    Function::Log,
    Function::Sqrt,
    Function::Neg,
    Function::Abs,
    Function::Reciprocal,
    Function::Power(2.0),
    Function::Power(-0.5),
    Function::Power(0.0),
    Function::Floor,
    Function::Round,
];

/// Numbers from −8 to 8, or from 0.1 to 2.1 where a function is defined on positive ones only.
fn input(function: Function, shape: &[usize], seed: u64) -> Tensor {
    let spread = noise(shape, seed);
    match function {
        Function::Log | Function::Sqrt | Function::Reciprocal | Function::Power(_) => (spread + 1.1).unwrap(),
        _ => (spread * 8.0).unwrap(),
    }
}

#[test]
fn derivatives_of_functions_are_those_of_finite_differences() {
    for function in FUNCTIONS {
        for (shape, seed) in [(&[2, 3, 4, 5][..], 1), (&[3, 7], 2), (&[2, 1, 1, 1], 3)] {
            check_gradient(&Map(function), &[input(function, shape, seed)]);
        }
    }
}

#[test]
fn function_kernels_agree_with_their_composition() {
    for function in FUNCTIONS.into_iter().chain([Function::Sign, Function::Ceil]) {
        let halves = Tensor::new(&[-2.5, -1.5, -0.5, 0.0, 0.5, 1.5, 2.5, 3.0, 6.0], &Device::Cpu).unwrap();
        for input in [input(function, &[3, 41], 5), halves] {
            let kernel = kernels::map::forward(function, &input).unwrap();
            let composed = map::composed_forward(function, &input).unwrap();
            assert!(agree(&kernel, &composed), "{function:?}: {kernel} against {composed}");
            let gradient = noise(input.dims(), 6);
            for rule in [Rule::Gradient, Rule::Guided, Rule::Deconvnet] {
                let kernel = kernels::map::vjp(function, &gradient, &input, rule).unwrap();
                let composed = map::composed_vjp(function, &gradient, &input, rule).unwrap();
                assert!(agree(&kernel, &composed), "{function:?} under {rule:?}: {kernel} against {composed}");
            }
        }
    }
}

#[test]
fn functions_are_right_in_single_precision() {
    for function in FUNCTIONS {
        let input = input(function, &[1, 5000], 7).to_dtype(DType::F32).unwrap();
        let (exact, seed) = (input.to_dtype(DType::F64).unwrap(), input.ones_like().unwrap());
        let pairs = [
            (kernels::map::forward(function, &input), kernels::map::forward(function, &exact)),
            (
                kernels::map::vjp(function, &seed, &input, Rule::Gradient),
                kernels::map::vjp(function, &exact.ones_like().unwrap(), &exact, Rule::Gradient),
            ),
        ];
        for (single, exact) in pairs {
            let (single, exact) = (values(&single.unwrap()), values(&exact.unwrap()));
            let worst = single.iter().zip(exact).map(|(s, e)| (s - e).abs() / e.abs().max(0.5)).fold(0.0, f64::max);
            assert!(worst < 1e-6, "{function:?}: {worst}");
        }
    }
}

/// Equal to rounding; infinite and NaN at the same places.
fn agree(a: &Tensor, b: &Tensor) -> bool {
    values(a)
        .iter()
        .zip(values(b))
        .all(|(&a, b)| a == b || (a - b).abs() < 1e-12 * a.abs().max(1.0) || (a.is_nan() && b.is_nan()))
}

/// Values of PyTorch 2.15 in float64 (`torch.nn.functional`); Hardsigmoid's 1/6, which PyTorch rounds to float32, is exact.
#[test]
fn functions_have_the_values_of_pytorch() {
    let expected = [
        (
            Function::LeakyRelu { slope: 0.1 },
            [
                (-3.0, -0.300_000_000_000_000_04, 0.1),
                (-1.25, -0.125, 0.1),
                (0.0, 0.0, 0.1),
                (0.75, 0.75, 1.0),
                (3.0, 3.0, 1.0),
            ],
        ),
        (
            Function::Elu { alpha: 1.0 },
            [
                (-3.0, -0.950_212_931_632_136, 0.049_787_068_367_863_944),
                (-1.25, -0.713_495_203_139_809_9, 0.286_504_796_860_190_1),
                (0.0, 0.0, 1.0),
                (0.75, 0.75, 1.0),
                (3.0, 3.0, 1.0),
            ],
        ),
        (
            Function::Selu,
            [
                (-3.0, -1.670_568_728_767_111_8, 0.087_530_612_080_264_87),
                (-1.25, -1.254_395_446_337_864_8, 0.503_703_894_509_511_7),
                (0.0, 0.0, 1.758_099_340_847_376_6),
                (0.75, 0.788_025_740_516_610_3, 1.050_700_987_355_480_5),
                (3.0, 3.152_102_962_066_441_4, 1.050_700_987_355_480_5),
            ],
        ),
        (
            Function::Celu { alpha: 0.5 },
            [
                (-3.0, -0.498_760_623_911_666_8, 0.002_478_752_176_666_358_5),
                (-1.25, -0.458_957_500_688_050_63, 0.082_084_998_623_898_8),
                (0.0, 0.0, 1.0),
                (0.75, 0.75, 1.0),
                (3.0, 3.0, 1.0),
            ],
        ),
        (
            Function::Sigmoid,
            [
                (-3.0, 0.047_425_873_177_566_78, 0.045_176_659_730_912_14),
                (-1.25, 0.222_700_138_825_308_84, 0.173_104_786_992_497),
                (0.0, 0.5, 0.25),
                (0.75, 0.679_178_699_175_393, 0.217_894_993_761_814_04),
                (3.0, 0.952_574_126_822_433_4, 0.045_176_659_730_912),
            ],
        ),
        (
            Function::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 },
            [
                (-3.0, 0.0, 0.0),
                (-1.25, 0.291_666_666_666_666_7, 1.0 / 6.0),
                (0.0, 0.5, 1.0 / 6.0),
                (0.75, 0.625, 1.0 / 6.0),
                (3.0, 1.0, 0.0),
            ],
        ),
        (
            Function::HardSwish,
            [
                (-3.0, -0.0, 0.0),
                (-1.25, -0.364_583_333_333_333_3, 0.083_333_333_333_333_31),
                (0.0, 0.0, 0.5),
                (0.75, 0.46875, 0.75),
                (3.0, 3.0, 1.0),
            ],
        ),
        (
            Function::Silu,
            [
                (-3.0, -0.142_277_619_532_700_35, -0.088_104_106_015_169_62),
                (-1.25, -0.278_375_173_531_636_04, 0.006_319_155_084_687_57),
                (0.0, 0.0, 0.5),
                (0.75, 0.509_384_024_381_544_7, 0.842_599_944_496_753_6),
                (3.0, 2.857_722_380_467_299_8, 1.088_104_106_015_169_3),
            ],
        ),
        (
            Function::Gelu { tanh: false },
            [
                (-3.0, -0.004_049_694_094_890_31, -0.011_945_647_204_183_92),
                (-1.25, -0.132_062_217_083_569_05, -0.122_661_583_069_422_15),
                (0.0, 0.0, 0.5),
                (0.75, 0.580_029_485_717_348_9, 0.999_225_721_739_235_2),
                (3.0, 2.995_950_305_905_11, 1.011_945_647_204_184),
            ],
        ),
        (
            Function::Gelu { tanh: true },
            [
                (-3.0, -0.003_637_392_081_772_994_3, -0.011_584_166_630_969_648),
                (-1.25, -0.132_285_797_030_285_42, -0.122_492_632_249_648_65),
                (0.0, 0.0, 0.5),
                (0.75, 0.579_960_555_165_620_3, 0.998_938_256_137_414_3),
                (3.0, 2.996_362_607_918_227, 1.011_584_166_630_969_5),
            ],
        ),
        (Function::RELU6, [(-3.0, 0.0, 0.0), (-1.25, 0.0, 0.0), (0.0, 0.0, 0.0), (0.75, 0.75, 1.0), (3.0, 3.0, 1.0)]),
        (
            Function::Tanh,
            [
                (-3.0, -0.995_054_753_686_730_5, 0.009_866_037_165_440_166),
                (-1.25, -0.848_283_639_957_512_9, 0.280_414_866_180_432_65),
                (0.0, 0.0, 1.0),
                (0.75, 0.635_148_952_387_287_3, 0.596_585_808_281_331_5),
                (3.0, 0.995_054_753_686_730_5, 0.009_866_037_165_440_166),
            ],
        ),
        (
            Function::Erf,
            [
                (-3.0, -0.999_977_909_503_001_4, 0.000_139_253_051_946_747_86),
                (-1.25, -0.922_900_128_256_458_3, 0.236_521_122_447_290_76),
                (0.0, 0.0, std::f64::consts::FRAC_2_SQRT_PI),
                (0.75, 0.711_155_633_653_515_1, 0.642_931_069_195_207_4),
                (3.0, 0.999_977_909_503_001_4, 0.000_139_253_051_946_747_86),
            ],
        ),
        (
            Function::Softplus,
            [
                (-3.0, 0.048_587_351_573_742_06, 0.047_425_873_177_566_79),
                (-1.25, 0.251_929_081_345_372_9, 0.222_700_138_825_308_84),
                (0.0, std::f64::consts::LN_2, 0.5),
                (0.75, 1.136_871_006_114_899_9, 0.679_178_699_175_393),
                (3.0, 3.048_587_351_573_742, 0.952_574_126_822_433_3),
            ],
        ),
        (
            Function::Softsign,
            [
                (-3.0, -0.75, 0.0625),
                (-1.25, -0.555_555_555_555_555_6, 0.197_530_864_197_530_83),
                (0.0, 0.0, 1.0),
                (0.75, 0.428_571_428_571_428_55, 0.326_530_612_244_897_93),
                (3.0, 0.75, 0.0625),
            ],
        ),
        (
            Function::Mish,
            [
                (-3.0, -0.145_647_461_275_624_6, -0.093_393_114_532_320_84),
                (-1.25, -0.308_413_961_141_527_75, -0.014_697_562_473_019_468),
                (0.0, 0.0, 0.6),
                (0.75, 0.610_018_335_218_293_4, 0.985_758_355_716_688),
                (3.0, 2.986_535_004_967_957_5, 1.021_106_910_929_443_5),
            ],
        ),
    ];
    for (function, points) in expected {
        for (x, value, derivative) in points {
            assert!((function.value(x) - value).abs() < 1e-14, "{function:?} at {x}: {}", function.value(x));
            let found = function.derivative(x);
            assert!((found - derivative).abs() < 1e-14, "{function:?}' at {x}: {found}");
        }
    }
}

#[test]
fn functions_keep_nan_and_survive_large_numbers() {
    for function in FUNCTIONS {
        if function == Function::Power(0.0) {
            continue;
        }
        let broken = Tensor::new(&[f32::NAN, 1.0], &Device::Cpu).unwrap();
        let output = Map(function).forward(&[&broken], false).unwrap().output;
        assert!(values(&output)[0].is_nan() && values(&output)[1].is_finite(), "{function:?}");
        assert!(values(&map::composed_forward(function, &broken).unwrap())[0].is_nan(), "{function:?}");
    }
    for function in
        [Function::Sigmoid, Function::Silu, Function::Softplus, Function::Mish, Function::Gelu { tanh: false }]
    {
        for x in [-1e4, 1e4] {
            assert!(function.value(x).is_finite() && function.derivative(x).is_finite(), "{function:?} at {x}");
        }
    }
    assert_eq!(Function::Round.value(2.5), 2.0);
    assert!(Map(Function::Clip { min: 1.0, max: 0.0 }).shape(&[&[1, 2]]).unwrap_err().contains("enclose nothing"));
}

/// `ReLU6` at −1, 0, 3, 6 and 7 with gradient −1 and 1 under each rule.
#[test]
fn a_clip_from_zero_follows_the_rules_as_relu_does() {
    let points = [-1.0_f32, 0.0, 3.0, 6.0, 7.0];
    let input = Tensor::new(&[points, points], &Device::Cpu).unwrap();
    let gradient = Tensor::new(&[[1.0_f32; 5], [-1.0; 5]], &Device::Cpu).unwrap();
    let back = |function, rule| {
        let forward = Map(function).forward(&[&input], true).unwrap();
        let saved = Saved { inputs: vec![vec![2, 5]], state: forward.state };
        values(&Map(function).vjp(&gradient, 0, &saved, rule).unwrap())
    };
    let none = [0.0; 5];
    let inside = [0.0, 0.0, 1.0, 0.0, 0.0];
    assert_eq!(back(Function::RELU6, Rule::Gradient), [inside, inside.map(|g: f64| -g)].concat());
    assert_eq!(back(Function::RELU6, Rule::Guided), [inside, none].concat());
    assert_eq!(back(Function::RELU6, Rule::Deconvnet), [[1.0; 5], none].concat());
    // A clip that lets negative numbers through is no rectifier.
    let other = Function::Clip { min: -0.5, max: 6.0 };
    assert_eq!(back(other, Rule::Deconvnet), back(other, Rule::Gradient));
    assert_eq!(back(Function::Silu, Rule::Guided), back(Function::Silu, Rule::Gradient));
}

const ARITHMETIC: [Arithmetic; 7] = [
    Arithmetic::Add,
    Arithmetic::Sub,
    Arithmetic::Mul,
    Arithmetic::Div,
    Arithmetic::Pow,
    Arithmetic::Max,
    Arithmetic::Min,
];

/// Shapes of two operands: equal, a gate per channel, stretched both ways, of other rank, a bias, a single number.
const OPERANDS: [[&[usize]; 2]; 7] = [
    [&[2, 3, 4, 5], &[2, 3, 4, 5]],
    [&[2, 3, 4, 5], &[2, 3, 1, 1]],
    [&[2, 1, 1, 5], &[1, 3, 4, 1]],
    [&[2, 3, 1, 5], &[3, 4, 1]],
    [&[4], &[2, 3, 4]],
    [&[2, 3], &[1]],
    [&[1, 1, 1, 1], &[1, 1, 1, 1]],
];

#[test]
fn gradients_of_arithmetic_are_those_of_finite_differences() {
    for arithmetic in ARITHMETIC {
        for [a, b] in OPERANDS {
            let positive = |shape: &[usize], seed| (noise(shape, seed) + 1.5).unwrap();
            check_gradient(&Binary(arithmetic), &[positive(a, 1), positive(b, 2)]);
            for constant_first in [false, true] {
                check_gradient(&BinaryConstant::new(arithmetic, positive(b, 2), constant_first), &[positive(a, 1)]);
                check_gradient(&BinaryConstant::new(arithmetic, positive(a, 2), constant_first), &[positive(b, 1)]);
            }
        }
    }
}

#[test]
fn arithmetic_kernels_agree_with_their_composition() {
    for arithmetic in ARITHMETIC {
        for [a, b] in OPERANDS {
            let [a, b] = [noise(a, 3), noise(b, 4)].map(|x| (x + 1.5).unwrap());
            let layout = Broadcast::new(a.dims(), b.dims()).unwrap();
            let kernel = kernels::binary::forward(arithmetic, &a, &b, &layout).unwrap();
            let composed = binary::composed_forward(arithmetic, &a, &b).unwrap();
            assert!(difference(&kernel, &composed) < 1e-12, "{arithmetic:?}");
        }
        // Larger than one thread's part, so that segments are cut.
        let (a, b) = ((noise(&[3, 50, 151], 5) + 1.5).unwrap(), (noise(&[3, 50, 1], 6) + 1.5).unwrap());
        let layout = Broadcast::new(a.dims(), b.dims()).unwrap();
        let kernel = kernels::binary::forward(arithmetic, &a, &b, &layout).unwrap();
        assert!(difference(&kernel, &binary::composed_forward(arithmetic, &a, &b).unwrap()) < 1e-12);
    }
}

#[test]
fn powers_of_negative_numbers_and_zero_agree_with_their_composition() {
    let bases = [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, f64::NAN, f64::INFINITY];
    let exponents = [-3.0, -2.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, f64::NAN];
    let a = Tensor::new(&bases, &Device::Cpu).unwrap().reshape((9, 1)).unwrap();
    let b = Tensor::new(&exponents, &Device::Cpu).unwrap();
    let composed = binary::composed_forward(Arithmetic::Pow, &a, &b).unwrap();
    for (base, row) in bases.into_iter().zip(composed.to_vec2::<f64>().unwrap()) {
        for (exponent, found) in exponents.into_iter().zip(row) {
            let expected: f64 = base.powf(exponent);
            let agree = found == expected || (found - expected).abs() < 1e-12 * expected.abs();
            assert!(agree || found.is_nan() && expected.is_nan(), "{base} to the {exponent}: {found}, not {expected}");
        }
    }
}

#[test]
fn arithmetic_keeps_nan_and_shares_ties() {
    let a = Tensor::new(&[f32::NAN, 1.0, 2.0, f32::INFINITY], &Device::Cpu).unwrap();
    let b = Tensor::new(&[1.0, f32::NAN, 2.0, f32::NEG_INFINITY], &Device::Cpu).unwrap();
    let layout = Broadcast::new(&[4], &[4]).unwrap();
    for arithmetic in [Arithmetic::Max, Arithmetic::Min] {
        for output in [
            kernels::binary::forward(arithmetic, &a, &b, &layout).unwrap(),
            binary::composed_forward(arithmetic, &a, &b).unwrap(),
        ] {
            let output = values(&output);
            assert!(output[0].is_nan() && output[1].is_nan() && output[2] == 2.0 && output[3].is_infinite());
        }
        let op = Binary(arithmetic);
        let saved = Saved { inputs: vec![vec![4]; 2], state: op.forward(&[&b, &b], true).unwrap().state };
        let back = op.vjp(&b.ones_like().unwrap(), 0, &saved, Rule::Gradient).unwrap();
        assert_eq!(values(&back), [0.5, 0.0, 0.5, 0.5]);
    }
    // 0 to the power of 0 is 1, and flat.
    let zero = Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap();
    let op = Binary(Arithmetic::Pow);
    let saved = Saved { inputs: vec![vec![1]; 2], state: op.forward(&[&zero, &zero], true).unwrap().state };
    for which in 0..2 {
        assert_eq!(values(&op.vjp(&zero.ones_like().unwrap(), which, &saved, Rule::Gradient).unwrap()), [0.0]);
    }
    assert!(Binary(Arithmetic::Mul).shape(&[&[2, 3], &[2, 2]]).unwrap_err().contains("do not stretch"));
}
