//! The samples of one scan: context modelling, Golomb codes and run mode (T.87 annex A).

use super::bits::Bits;
use super::header::{Interleave, Scan, Stream};

/// Orders of the run-length code (T.87 table A.2).
const RUN_ORDERS: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// Decodes a scan into its components of `values` (interleaved); gives whether the data sufficed.
pub(super) fn decode(data: &[u8], stream: &Stream, scan: &Scan, values: &mut [u16]) -> bool {
    let mut decoder = Decoder::new(data, scan);
    let (columns, all) = (stream.columns, stream.components);
    let count = scan.components.len();
    // Each line has a column before and one after it.
    let mut above = vec![vec![0i32; columns + 2]; count];
    let mut line = above.clone();
    let mut run_indices = vec![0; count];
    for row in 0..stream.rows {
        for (line, above) in line.iter_mut().zip(&mut above) {
            above[columns + 1] = above[columns];
            line[0] = above[1];
        }
        match scan.interleave {
            Interleave::None | Interleave::Line => {
                for ((line, above), run_index) in line.iter_mut().zip(&above).zip(&mut run_indices) {
                    decoder.run_index = *run_index;
                    decoder.line(line, above, columns);
                    *run_index = decoder.run_index;
                }
            }
            Interleave::Sample => decoder.line_of_pixels(&mut line, &above, columns),
        }
        let start = row * columns * all;
        for (line, &component) in line.iter().zip(&scan.components) {
            let places = values[start..start + columns * all].iter_mut().skip(component).step_by(all);
            for (place, &value) in places.zip(&line[1..=columns]) {
                *place = value as u16;
            }
        }
        if decoder.bits.exhausted() {
            return false;
        }
        std::mem::swap(&mut line, &mut above);
    }
    true
}

#[derive(Clone, Copy)]
struct Context {
    /// Sum of error magnitudes.
    a: i32,
    /// Sum of errors.
    b: i32,
    /// Correction of the prediction.
    c: i32,
    /// How often it was met.
    n: i32,
}

#[derive(Clone, Copy)]
struct RunContext {
    a: i32,
    n: i32,
    negative: i32,
}

struct Decoder<'a> {
    bits: Bits<'a>,
    near: i32,
    largest: i32,
    thresholds: [i32; 3],
    reset: i32,
    range: i32,
    quantised_bits: u32,
    limit: u32,
    contexts: [Context; 365],
    runs: [RunContext; 2],
    run_index: usize,
}

impl<'a> Decoder<'a> {
    fn new(data: &'a [u8], scan: &Scan) -> Self {
        let range = (scan.largest + 2 * scan.near) / (2 * scan.near + 1) + 1;
        let bits = ceil_log2(scan.largest + 1).max(2);
        let a = ((range + 32) / 64).max(2);
        Self {
            bits: Bits::new(data),
            near: scan.near,
            largest: scan.largest,
            thresholds: scan.thresholds,
            reset: scan.reset,
            range,
            quantised_bits: ceil_log2(range),
            limit: 2 * (bits + bits.max(8)),
            contexts: [Context { a, b: 0, c: 0, n: 1 }; 365],
            runs: [RunContext { a, n: 1, negative: 0 }; 2],
            run_index: 0,
        }
    }

    /// A line of one component; `line[0]` is the neighbour left of the first sample.
    fn line(&mut self, line: &mut [i32], above: &[i32], columns: usize) {
        let mut x = 1;
        while x <= columns {
            let [ra, rb, rc, rd] = [line[x - 1], above[x], above[x - 1], above[x + 1]];
            let context = self.context(ra, rb, rc, rd);
            if context != 0 {
                line[x] = self.regular(context, ra, rb, rc);
                x += 1;
                continue;
            }
            let length = self.run_length(columns + 1 - x);
            line[x..x + length].fill(ra);
            x += length;
            if x <= columns {
                line[x] = self.after_run(ra, above[x]);
                self.run_index = self.run_index.saturating_sub(1);
                x += 1;
            }
        }
    }

    /// A line of all components, pixel by pixel; runs are of whole pixels.
    fn line_of_pixels(&mut self, lines: &mut [Vec<i32>], above: &[Vec<i32>], columns: usize) {
        let mut x = 1;
        while x <= columns {
            let mut contexts = [0; 255];
            for ((context, line), above) in contexts.iter_mut().zip(lines.iter()).zip(above) {
                *context = self.context(line[x - 1], above[x], above[x - 1], above[x + 1]);
            }
            if contexts.iter().any(|context| *context != 0) {
                for ((context, line), above) in contexts.iter().zip(lines.iter_mut()).zip(above) {
                    line[x] = self.regular(*context, line[x - 1], above[x], above[x - 1]);
                }
                x += 1;
                continue;
            }
            let length = self.run_length(columns + 1 - x);
            for line in lines.iter_mut() {
                let ra = line[x - 1];
                line[x..x + length].fill(ra);
            }
            x += length;
            if x <= columns {
                for (line, above) in lines.iter_mut().zip(above) {
                    line[x] = self.break_of_pixels(line[x - 1], above[x]);
                }
                self.run_index = self.run_index.saturating_sub(1);
                x += 1;
            }
        }
    }

    /// The signed context number; 0 is run mode.
    fn context(&self, ra: i32, rb: i32, rc: i32, rd: i32) -> i32 {
        (self.quantise(rd - rb) * 9 + self.quantise(rb - rc)) * 9 + self.quantise(rc - ra)
    }

    fn quantise(&self, gradient: i32) -> i32 {
        let size = gradient.abs();
        let [first, second, third] = self.thresholds;
        let level = if size <= self.near {
            0
        } else if size < first {
            1
        } else if size < second {
            2
        } else if size < third {
            3
        } else {
            4
        };
        level * gradient.signum()
    }

    fn regular(&mut self, context: i32, ra: i32, rb: i32, rc: i32) -> i32 {
        let sign = if context < 0 { -1 } else { 1 };
        let index = context.unsigned_abs() as usize;
        let Context { a, b, c, n } = self.contexts[index];
        let median = if rc >= ra.max(rb) {
            ra.min(rb)
        } else if rc <= ra.min(rb) {
            ra.max(rb)
        } else {
            ra + rb - rc
        };
        let prediction = (median + sign * c).clamp(0, self.largest);
        let order = golomb_order(a, n);
        let mapped = self.golomb(order, self.limit);
        let inverted = self.near == 0 && order == 0 && 2 * b <= -n;
        let error = match (mapped & 1 == 1, inverted) {
            (false, false) | (true, true) => mapped / 2,
            (true, false) => -((mapped + 1) / 2),
            (false, true) => -(mapped / 2) - 1,
        };
        self.contexts[index] = self.learn(Context { a, b, c, n }, error);
        self.reconstruct(prediction, sign * error)
    }

    /// T.87 A.6.
    fn learn(&self, mut context: Context, error: i32) -> Context {
        context.b = context.b.saturating_add(error.saturating_mul(2 * self.near + 1));
        context.a = context.a.saturating_add(error.saturating_abs());
        if context.n == self.reset {
            context.a >>= 1;
            context.b >>= 1;
            context.n >>= 1;
        }
        context.n += 1;
        if context.b <= -context.n {
            context.c = (context.c - 1).max(-128);
            context.b = (context.b + context.n).max(1 - context.n);
        } else if context.b > 0 {
            context.c = (context.c + 1).min(127);
            context.b = (context.b - context.n).min(0);
        }
        context
    }

    /// The value with a quantised error added, wrapped into the range.
    fn reconstruct(&self, prediction: i32, error: i32) -> i32 {
        let step = 2 * self.near + 1;
        let mut value = prediction.saturating_add(error.saturating_mul(step));
        if value < -self.near {
            value = value.saturating_add(self.range * step);
        } else if value > self.largest + self.near {
            value -= self.range * step;
        }
        value.clamp(0, self.largest)
    }

    fn golomb(&mut self, order: u32, limit: u32) -> i32 {
        let most = limit.saturating_sub(self.quantised_bits + 1);
        let zeros = self.bits.zeros(most);
        if zeros < most {
            ((zeros << order) | self.bits.take(order)) as i32
        } else {
            self.bits.take(self.quantised_bits) as i32 + 1
        }
    }

    /// T.87 A.7.1.
    fn run_length(&mut self, most: usize) -> usize {
        let mut length = 0;
        while self.bits.bit() {
            let whole = 1 << RUN_ORDERS[self.run_index];
            if length + whole > most {
                return most;
            }
            length += whole;
            self.run_index = (self.run_index + 1).min(31);
            if length == most {
                return most;
            }
        }
        let rest = self.bits.take(RUN_ORDERS[self.run_index]) as usize;
        // A sample that ends the run always follows, so a run up to the end of the line would be an error.
        (length + rest).min(most - 1)
    }

    /// The sample that ends a run (T.87 A.7.2).
    fn after_run(&mut self, ra: i32, rb: i32) -> i32 {
        if (ra - rb).abs() <= self.near {
            let error = self.run_error(1);
            self.reconstruct(ra, error)
        } else {
            self.break_of_pixels(ra, rb)
        }
    }

    /// The same where the neighbours differ, and for each sample of a pixel.
    fn break_of_pixels(&mut self, ra: i32, rb: i32) -> i32 {
        let sign = if ra > rb { -1 } else { 1 };
        let error = self.run_error(0);
        self.reconstruct(rb, sign * error)
    }

    fn run_error(&mut self, kind: usize) -> i32 {
        let RunContext { mut a, mut n, mut negative } = self.runs[kind];
        let alike = kind as i32;
        let order = golomb_order(a + alike * (n >> 1), n);
        let mapped = self.golomb(order, self.limit.saturating_sub(RUN_ORDERS[self.run_index] + 1));
        let doubled = mapped + alike;
        let odd = doubled & 1 == 1;
        let size = (doubled >> 1) + i32::from(odd);
        let flips = order != 0 || 2 * negative >= n;
        let error = if flips == odd { -size } else { size };
        if error < 0 {
            negative += 1;
        }
        a = a.saturating_add((mapped + 1 - alike) >> 1);
        if n == self.reset {
            a >>= 1;
            n >>= 1;
            negative >>= 1;
        }
        n += 1;
        self.runs[kind] = RunContext { a, n, negative };
        error
    }
}

/// The smallest k with n · 2^k ≥ a.
fn golomb_order(a: i32, n: i32) -> u32 {
    (0..24).find(|order| i64::from(n) << order >= i64::from(a)).unwrap_or(24)
}

fn ceil_log2(value: i32) -> u32 {
    (0..31).find(|bits| 1i64 << bits >= i64::from(value)).unwrap_or(31)
}
