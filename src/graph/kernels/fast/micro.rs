//! The product at the bottom of every convolution and dense layer: a few rows with a panel of columns.
//!
//! A panel is `[depth][32]`, 32 neighbouring columns of the right matrix, one of its rows after the other. The left rows
//! are read where they lie. The kernels hold a block of sums in registers all along the depth (Goto and van de Geijn
//! 2008).

use super::Isa;

/// Columns of a panel.
pub const WIDTH: usize = 32;

/// Rows held in registers at a time at most, whatever the processor.
pub const MOST_ROWS: usize = 14;

/// After so many products a sum goes to where the others of its element are added up: a sum of thousands one after the
/// other would lose several times as much to rounding.
const SUM: usize = 128;

/// How the left rows lie, in elements. A row is `down × across` stretches, as a convolution's kernel has rows and
/// columns.
#[derive(Debug, Clone, Copy)]
pub struct Left {
    /// From one row to the next.
    pub row: usize,
    /// How many lines of stretches, and from one to the next.
    pub down: [usize; 2],
    /// How many stretches in a line, and from one to the next.
    pub across: [usize; 2],
    /// Elements of a stretch.
    pub length: usize,
}

impl Left {
    /// A plain matrix of `columns` columns, its rows `row` elements apart.
    #[must_use]
    pub fn matrix(row: usize, columns: usize) -> Self {
        Self { row, down: [1, 0], across: [1, 0], length: columns }
    }

    /// Elements of a row.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.down[0] * self.across[0] * self.length
    }

    /// Over how many elements `rows` rows reach.
    #[must_use]
    pub fn reach(&self, rows: usize) -> usize {
        let last = (rows - 1) * self.row + (self.down[0] - 1) * self.down[1] + (self.across[0] - 1) * self.across[1];
        last + self.length
    }

    /// Where a stretch begins in its row.
    #[inline(always)]
    fn stretch(&self, index: usize) -> usize {
        index / self.across[0] * self.down[1] + index % self.across[0] * self.across[1]
    }
}

/// `out[i][j] = Σₖ left[i][k] · panel[k][j]` for `rows` rows and the panel's 32 columns; the rows of `out` lie `out_row`
/// elements apart.
///
/// # Panics
/// When one of the slices is too short.
pub fn product(isa: Isa, rows: usize, left: &[f32], shape: Left, panel: &[f32], out: &mut [f32], out_row: usize) {
    if rows == 0 {
        return;
    }
    assert!(left.len() >= shape.reach(rows), "the left rows are too short");
    assert!(panel.len() >= shape.depth() * WIDTH, "the panel is too short");
    assert!(out.len() >= (rows - 1) * out_row + WIDTH, "there is no room for the product");
    // Blocks of nearly one size: a short last one would wait for its sums.
    let step = rows.div_ceil(rows.div_ceil(isa.rows()));
    for first in (0..rows).step_by(step) {
        let now = step.min(rows - first);
        let (left, out) = (&left[first * shape.row..], &mut out[first * out_row..]);
        let ahead = if first + step >= rows { shape.depth() * WIDTH } else { 0 };
        let block = Block { left: left.as_ptr(), shape, panel: panel.as_ptr(), ahead, out: out.as_mut_ptr(), out_row };
        // SAFETY: the lengths have just been checked for all rows, and `isa` names what the processor has.
        unsafe {
            match isa {
                Isa::Plain => plain::block(now, block),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => x86::avx2(now, block),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => x86::avx512(now, block),
            }
        }
    }
}

/// What a kernel works on: rows that fit into registers.
///
/// A kernel for `ROWS` rows reads `shape.reach(ROWS)` elements at `left` and `shape.depth() · 32` at `panel`, and writes
/// `(ROWS − 1) · out_row + 32` at `out`; its caller sees to it that they are there.
#[derive(Clone, Copy)]
struct Block {
    left: *const f32,
    shape: Left,
    panel: *const f32,
    /// How far ahead of the panel the memory is asked for, too, where 0 is nowhere: during a panel's last rows for the
    /// panel behind it, which is the next one as a rule.
    ahead: usize,
    out: *mut f32,
    out_row: usize,
}

/// Calls a kernel that is generic over the number of rows.
macro_rules! by_rows {
    ($kernel:ident, $rows:expr, $block:expr, [$($count:literal)*]) => {
        match $rows {
            $($count => $kernel::<$count>($block),)*
            _ => unreachable!("a block has at most Isa::rows rows"),
        }
    };
}

/// The kernel for every processor.
mod plain {
    use super::{Block, SUM, WIDTH};

    /// Columns at a time: with four rows, eight registers of four numbers.
    const PART: usize = 8;

    /// # Safety
    /// See [`Block`].
    pub unsafe fn block(rows: usize, block: Block) {
        // SAFETY: the caller's.
        unsafe { by_rows!(of_rows, rows, block, [1 2 3 4]) }
    }

    unsafe fn of_rows<const ROWS: usize>(block: Block) {
        let Block { left, shape, panel, out, out_row, .. } = block;
        for part in (0..WIDTH).step_by(PART) {
            let mut sums = [[0.0_f32; PART]; ROWS];
            let (mut added, mut is_first) = (0, true);
            // SAFETY: all addresses lie within what `Block` promises.
            unsafe {
                let mut line = panel.add(part);
                for stretch in 0..shape.down[0] * shape.across[0] {
                    let mut from = left.add(shape.stretch(stretch));
                    let mut rest = shape.length;
                    while rest > 0 {
                        let now = rest.min(SUM - added);
                        for k in 0..now {
                            let right: [f32; PART] = line.cast::<[f32; PART]>().read_unaligned();
                            for row in 0..ROWS {
                                let factor = *from.add(row * shape.row + k);
                                for column in 0..PART {
                                    sums[row][column] += factor * right[column];
                                }
                            }
                            // One line past the end is never read: `wrapping_add` may point there.
                            line = line.wrapping_add(WIDTH);
                        }
                        from = from.wrapping_add(now);
                        (rest, added) = (rest - now, added + now);
                        if added == SUM {
                            store(&sums, is_first, out.add(part), out_row);
                            (sums, added, is_first) = ([[0.0; PART]; ROWS], 0, false);
                        }
                    }
                }
                if added > 0 || is_first {
                    store(&sums, is_first, out.add(part), out_row);
                }
            }
        }
    }

    /// Writes sums, or adds them to the ones before.
    unsafe fn store<const ROWS: usize>(sums: &[[f32; PART]; ROWS], is_first: bool, out: *mut f32, out_row: usize) {
        for (row, sums) in sums.iter().enumerate() {
            // SAFETY: the caller's.
            unsafe {
                let out = out.add(row * out_row).cast::<[f32; PART]>();
                let before = if is_first { [0.0; PART] } else { out.read_unaligned() };
                out.write_unaligned(std::array::from_fn(|column| before[column] + sums[column]));
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m512, _MM_HINT_T0, _MM_HINT_T1, _mm_prefetch, _mm256_add_ps, _mm256_broadcast_ss, _mm256_fmadd_ps,
        _mm256_loadu_ps, _mm256_setzero_ps, _mm256_storeu_ps, _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps,
        _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
    };

    use super::{Block, SUM, WIDTH};

    /// How many lines of the panel ahead the memory is asked for: panels of large layers come from far away.
    const AHEAD: usize = 32;

    /// # Safety
    /// See [`Block`]; the processor must have AVX2 and FMA.
    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn avx2(rows: usize, block: Block) {
        // SAFETY: the caller's.
        unsafe { by_rows!(avx2_rows, rows, block, [1 2 3 4 5 6]) }
    }

    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2_rows<const ROWS: usize>(block: Block) {
        let Block { left, shape, panel, ahead, out, out_row } = block;
        for part in (0..WIDTH).step_by(16) {
            let mut sums = [[_mm256_setzero_ps(); 2]; ROWS];
            let (mut added, mut is_first) = (0, true);
            // SAFETY: all addresses lie within what `Block` promises; what is only asked for ahead need not exist.
            unsafe {
                let mut line = panel.add(part);
                for stretch in 0..shape.down[0] * shape.across[0] {
                    let mut from = left.add(shape.stretch(stretch));
                    let mut rest = shape.length;
                    while rest > 0 {
                        let now = rest.min(SUM - added);
                        for _ in 0..now {
                            let right = [_mm256_loadu_ps(line), _mm256_loadu_ps(line.add(8))];
                            _mm_prefetch::<_MM_HINT_T0>(line.wrapping_add(WIDTH * AHEAD).cast());
                            _mm_prefetch::<_MM_HINT_T1>(line.wrapping_add(ahead).cast());
                            for (row, sums) in sums.iter_mut().enumerate() {
                                let factor = _mm256_broadcast_ss(&*from.add(row * shape.row));
                                sums[0] = _mm256_fmadd_ps(factor, right[0], sums[0]);
                                sums[1] = _mm256_fmadd_ps(factor, right[1], sums[1]);
                            }
                            from = from.wrapping_add(1);
                            line = line.wrapping_add(WIDTH);
                        }
                        (rest, added) = (rest - now, added + now);
                        if added == SUM {
                            avx2_store(&sums, is_first, out.add(part), out_row);
                            (sums, added, is_first) = ([[_mm256_setzero_ps(); 2]; ROWS], 0, false);
                        }
                    }
                }
                if added > 0 || is_first {
                    avx2_store(&sums, is_first, out.add(part), out_row);
                }
            }
        }
    }

    /// Writes sums, or adds them to the ones before.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2_store<const ROWS: usize>(sums: &[[__m256; 2]; ROWS], is_first: bool, out: *mut f32, out_row: usize) {
        for (row, sums) in sums.iter().enumerate() {
            // SAFETY: the caller's.
            unsafe {
                let out = out.add(row * out_row);
                let [mut near, mut far] = *sums;
                if !is_first {
                    near = _mm256_add_ps(near, _mm256_loadu_ps(out));
                    far = _mm256_add_ps(far, _mm256_loadu_ps(out.add(8)));
                }
                _mm256_storeu_ps(out, near);
                _mm256_storeu_ps(out.add(8), far);
            }
        }
    }

    /// # Safety
    /// See [`Block`]; the processor must have AVX-512.
    #[target_feature(enable = "avx512f")]
    pub unsafe fn avx512(rows: usize, block: Block) {
        // SAFETY: the caller's.
        unsafe { by_rows!(avx512_rows, rows, block, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]) }
    }

    #[target_feature(enable = "avx512f")]
    unsafe fn avx512_rows<const ROWS: usize>(block: Block) {
        let Block { left, shape, panel, ahead, out, out_row } = block;
        let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
        let (mut added, mut is_first) = (0, true);
        // SAFETY: all addresses lie within what `Block` promises; what is only asked for ahead need not exist.
        unsafe {
            let mut line = panel;
            for stretch in 0..shape.down[0] * shape.across[0] {
                let mut from = left.add(shape.stretch(stretch));
                let mut rest = shape.length;
                while rest > 0 {
                    let now = rest.min(SUM - added);
                    for _ in 0..now {
                        let right = [_mm512_loadu_ps(line), _mm512_loadu_ps(line.add(16))];
                        _mm_prefetch::<_MM_HINT_T0>(line.wrapping_add(WIDTH * AHEAD).cast());
                        _mm_prefetch::<_MM_HINT_T0>(line.wrapping_add(WIDTH * AHEAD + 16).cast());
                        _mm_prefetch::<_MM_HINT_T1>(line.wrapping_add(ahead).cast());
                        _mm_prefetch::<_MM_HINT_T1>(line.wrapping_add(ahead + 16).cast());
                        for (row, sums) in sums.iter_mut().enumerate() {
                            let factor = _mm512_set1_ps(*from.add(row * shape.row));
                            sums[0] = _mm512_fmadd_ps(factor, right[0], sums[0]);
                            sums[1] = _mm512_fmadd_ps(factor, right[1], sums[1]);
                        }
                        from = from.wrapping_add(1);
                        line = line.wrapping_add(WIDTH);
                    }
                    (rest, added) = (rest - now, added + now);
                    if added == SUM {
                        avx512_store(&sums, is_first, out, out_row);
                        (sums, added, is_first) = ([[_mm512_setzero_ps(); 2]; ROWS], 0, false);
                    }
                }
            }
            if added > 0 || is_first {
                avx512_store(&sums, is_first, out, out_row);
            }
        }
    }

    /// Writes sums, or adds them to the ones before.
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn avx512_store<const ROWS: usize>(
        sums: &[[__m512; 2]; ROWS],
        is_first: bool,
        out: *mut f32,
        out_row: usize,
    ) {
        for (row, sums) in sums.iter().enumerate() {
            // SAFETY: the caller's.
            unsafe {
                let out = out.add(row * out_row);
                let [mut near, mut far] = *sums;
                if !is_first {
                    near = _mm512_add_ps(near, _mm512_loadu_ps(out));
                    far = _mm512_add_ps(far, _mm512_loadu_ps(out.add(16)));
                }
                _mm512_storeu_ps(out, near);
                _mm512_storeu_ps(out.add(16), far);
            }
        }
    }
}
