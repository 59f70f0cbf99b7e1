//! The table as text.

use std::fmt::Write;

use glassbox::export::{CellRecord, ExamReport, ExamStudyRecord};
use glassbox::model::Exam;

/// The tables of all studies, what failed, and what the exam is for.
pub fn table(exam: &Exam, report: &ExamReport) -> String {
    let mut text = format!("{} {}\n", exam.card.name, exam.card.version);
    for study in &report.studies {
        of_study(&mut text, exam, study);
    }
    for failed in &report.failed {
        let _ = writeln!(text, "Failed. {}: {}", failed.source, failed.reason);
    }
    text.push_str(&exam.card.intended_use);
    text
}

fn of_study(text: &mut String, exam: &Exam, study: &ExamStudyRecord) {
    let first = exam.card.tasks.iter().map(|task| task.name.chars().count()).max().unwrap_or(0).max(4);
    let widths: Vec<usize> = exam.columns.iter().map(|column| column.name.chars().count().max(8)).collect();
    let _ = write!(text, "\n{:first$}", "");
    for (column, &width) in exam.columns.iter().zip(&widths) {
        let _ = write!(text, "  {:>width$}", column.name);
    }
    text.push_str("   combined\n");
    for task in &study.tasks {
        let _ = write!(text, "{:first$}", task.name);
        for (column, &width) in exam.columns.iter().zip(&widths) {
            let cell = task.planes.iter().find(|cell| cell.plane == column.name);
            let _ = write!(text, "  {:>width$}", cell.map_or_else(String::new, words));
        }
        let combined = task.combined.probability.map_or_else(|| "none".to_owned(), |p| percent(p as f32));
        let _ = writeln!(text, "  {combined:>9}   {}", task.combined.words);
    }
    text.push('\n');
    for plane in &study.planes {
        let _ = match &plane.description {
            Some(description) => {
                writeln!(text, "{}: {description}, {} slices. {}.", plane.name, plane.slices, plane.why)
            }
            None => writeln!(text, "{}: missing. {}.", plane.name, plane.why),
        };
    }
}

fn words(cell: &CellRecord) -> String {
    match cell.probability {
        Some(probability) => percent(probability),
        None if cell.class.is_none() && cell.reason.is_some() => "none".to_owned(),
        None => String::new(),
    }
}

fn percent(probability: f32) -> String {
    format!("{:.1} %", probability * 100.0)
}
