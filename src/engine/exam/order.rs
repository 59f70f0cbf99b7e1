//! In which order an exam is computed: what is on screen first.

use std::path::Path;

use super::super::key::{Key, ModelPath, StackKey};
use super::super::outcome::ModelInfo;
use super::super::source_list::SourceList;
use crate::model::exam::Exam;

/// What an exam wants, the most important first: the cell of the chosen task on the plane in view (`first`, task and
/// column), the other planes of this task, then the other tasks. `loaded` gives models that are there; one that is not
/// is wanted in front of what needs it. Each thing is named once, so that tasks that share a model share its run.
#[must_use]
pub fn wants<'a>(
    exam: &Exam,
    first: (usize, usize),
    loaded: &dyn Fn(&Path) -> Option<&'a ModelInfo>,
    sources: &[Option<SourceList>],
) -> Vec<Key> {
    let mut wanted: Vec<Key> = Vec::new();
    let mut push = |key: Key| {
        if !wanted.contains(&key) {
            wanted.push(key);
        }
    };
    let mut judged: Vec<(&Path, usize)> = Vec::new();
    for task in first_then_rest(first.0, exam.card.tasks.len()) {
        for column in first_then_rest(first.1, exam.columns.len()) {
            let Some((member, _)) = exam.member(task, column) else { continue };
            let Some(sources) = sources.get(column).and_then(Option::as_ref).filter(|sources| !sources.is_empty())
            else {
                continue;
            };
            if judged.contains(&(&member.card, column)) {
                continue;
            }
            judged.push((&member.card, column));
            match loaded(&member.card) {
                None => push(Key::Model(ModelPath(member.card.clone()))),
                Some(model) if model.stack => {
                    push(Key::Stack(StackKey { model: model.id.clone(), sources: sources.clone() }));
                }
                Some(model) => {
                    for source in sources.iter() {
                        push(Key::Scores { model: model.id.clone(), source: source.clone() });
                    }
                }
            }
        }
    }
    wanted
}

fn first_then_rest(first: usize, count: usize) -> impl Iterator<Item = usize> {
    (first < count).then_some(first).into_iter().chain((0..count).filter(move |&at| at != first))
}
