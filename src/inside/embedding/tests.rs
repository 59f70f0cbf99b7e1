//! Embeddings: against known values, of well separated groups, and of next to nothing.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::graph::Control;

const PCA_POINTS: [[f32; 2]; 5] = [
    [0.112_615, -1.155_531],
    [-2.692_372, -1.689_461],
    [-1.894_922, 0.885_018],
    [4.942_725, -0.337_129],
    [-0.468_046, 2.297_104],
];
const PCA_EXPLAINED: [f32; 2] = [0.693_396, 0.202_405];

/// Three groups of `each` codes of ten numbers, far apart: 20 standard deviations between their centres.
fn groups(each: usize) -> Vec<Vec<f32>> {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut normal = || {
        // The sum of twelve uniform numbers is nearly normal.
        (0..12).map(|_| rand::RngExt::random::<f32>(&mut random)).sum::<f32>() - 6.0
    };
    (0..3 * each)
        .map(|index| (0..10).map(|k| normal() + if k == index / each { 20.0 } else { 0.0 }).collect())
        .collect()
}

/// Whether each point's nearest other point is of its own group.
fn are_apart(points: &[[f32; 2]], each: usize) -> bool {
    let distance = |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2);
    (0..points.len()).all(|own| {
        let others = (0..points.len()).filter(|&other| other != own);
        let nearest =
            others.min_by(|&a, &b| distance(points[own], points[a]).total_cmp(&distance(points[own], points[b])));
        nearest.is_some_and(|nearest| nearest / each == own / each)
    })
}

fn embed(codes: &[Vec<f32>], by: Projection, seed: u64) -> Result<Plane, InsideError> {
    project(codes, by, seed, &Control::default(), &mut |_| {})
}

#[test]
fn principal_components_are_those_of_numpy() {
    // numpy 2: u, s, vt = svd(x - x.mean(0)); u * s, signs by the largest loading; s² / Σ s².
    let codes: Vec<Vec<f32>> =
        [[2.0, 0.0, 1.0], [4.0, 1.0, -1.0], [1.0, 3.0, 0.0], [0.0, -2.0, 5.0], [3.0, 3.0, 3.0]].map(Vec::from).to_vec();
    let expected = PCA_POINTS;
    let check = |codes: &[Vec<f32>]| {
        let plane = pca(codes, &Control::default()).unwrap();
        for (point, expected) in plane.points.iter().zip(expected) {
            // Both in double precision; what is left is the rounding to single.
            assert!((0..2).all(|axis| (point[axis] - expected[axis]).abs() < 1e-5), "{plane:?}");
        }
        let explained = plane.explained.unwrap();
        assert!((0..2).all(|axis| (explained[axis] - PCA_EXPLAINED[axis]).abs() < 1e-6), "{explained:?}");
    };
    check(&codes);
    // The other way round of the product: more features than codes, the new ones without variance.
    let long: Vec<Vec<f32>> = codes.iter().map(|code| [code.as_slice(), &[5.0; 7]].concat()).collect();
    check(&long);
}

#[test]
fn groups_stay_apart() {
    let codes = groups(30);
    let plane = embed(&codes, Projection::Pca, 1).unwrap();
    assert!(are_apart(&plane.points, 30));
    let plane = embed(&codes, Projection::Tsne { perplexity: 10 }, 1).unwrap();
    assert!(are_apart(&plane.points, 30) && plane.explained.is_none());
}

#[test]
fn the_same_seed_gives_the_same_points_and_another_seed_others() {
    let codes = groups(15);
    let by = Projection::Tsne { perplexity: 8 };
    let first = embed(&codes, by, 3).unwrap();
    assert_eq!(first, embed(&codes, by, 3).unwrap());
    assert_ne!(first, embed(&codes, by, 4).unwrap());
}

#[test]
fn the_unit_of_the_codes_does_not_matter() {
    for factor in [1e-6_f32, 1e6] {
        let codes: Vec<Vec<f32>> =
            groups(10).into_iter().map(|code| code.into_iter().map(|value| value * factor).collect()).collect();
        let plane = embed(&codes, Projection::Tsne { perplexity: 5 }, 1).unwrap();
        assert!(are_apart(&plane.points, 10), "{factor}");
    }
}

#[test]
fn the_way_there_is_shown_and_can_be_cut_short() {
    let codes = groups(10);
    let control = Control::default();
    let mut shown = 0;
    let by = Projection::Tsne { perplexity: 5 };
    let plane = project(&codes, by, 1, &control, &mut |plane| {
        shown += 1;
        assert_eq!(plane.points.len(), 30);
    });
    assert!(plane.is_ok() && shown == 40 && control.progress() == 1.0, "{shown}");
    let stopping = Control::default();
    let mut shown = 0;
    let stopped = project(&codes, by, 1, &stopping, &mut |_| {
        shown += 1;
        stopping.cancel();
    });
    assert!(matches!(stopped, Err(InsideError::Cancelled(_))) && shown == 1);
    let cancelled = Control::default();
    cancelled.cancel();
    assert!(matches!(pca(&codes, &cancelled), Err(InsideError::Cancelled(_))));
}

#[test]
fn a_few_points_and_points_in_one_place() {
    for count in 0..4 {
        let codes: Vec<Vec<f32>> = (0..count).map(|n| vec![n as f32, 1.0, -(n as f32)]).collect();
        let plane = embed(&codes, Projection::Pca, 1).unwrap();
        assert_eq!(plane.points.len(), count);
        let explained = plane.explained.unwrap();
        if count < 2 {
            assert!(plane.points.iter().all(|point| *point == [0.0; 2]) && explained == [0.0; 2]);
        } else {
            assert!((explained[0] - 1.0).abs() < 1e-6 && explained[1] == 0.0, "{explained:?}");
        }
        assert_eq!(greatest_perplexity(count), 0);
        let error = embed(&codes, Projection::Tsne { perplexity: 1 }, 1).unwrap_err();
        assert!(error.to_string().contains("use PCA"), "{error}");
    }
    let same = vec![vec![0.5_f32; 6]; 8];
    assert_eq!(embed(&same, Projection::Pca, 1).unwrap().points, [[0.0; 2]; 8]);
    let plane = embed(&same, Projection::Tsne { perplexity: 2 }, 1).unwrap();
    assert!(plane.points.iter().flatten().all(|value| value.is_finite()));
    let plane = embed(&groups(2)[..4], Projection::Tsne { perplexity: 1 }, 1).unwrap();
    assert!(plane.points.len() == 4 && plane.points.iter().flatten().all(|value| value.is_finite()));
}

#[test]
fn what_cannot_be_embedded_is_said() {
    let error = embed(&groups(5), Projection::Tsne { perplexity: 5 }, 1).unwrap_err().to_string();
    assert_eq!(error, "t-SNE with a perplexity of 5 needs more than 15 images, and there are 15; choose at most 4");
    assert!(embed(&groups(5), Projection::Tsne { perplexity: 0 }, 1).is_err());
    for by in [Projection::Pca, Projection::Tsne { perplexity: 1 }] {
        let mut codes = groups(3);
        codes[2][1] = f32::NAN;
        assert!(matches!(embed(&codes, by, 1), Err(InsideError::CodeNotFinite { input: 2 })));
        codes[2].pop();
        assert!(matches!(embed(&codes, by, 1), Err(InsideError::CodeLength { found: 9, expected: 10 })));
    }
}
