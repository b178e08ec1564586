//! Draws who waits for whom, like `git log --graph`: one row per task, one column per task that
//! is still waited for.

use super::escape;
use super::page::Page;
use super::style::{Tone, of_status};
use cw_wire::TaskView;
use cw_wire::task::TaskGraphView;
use std::collections::HashMap;
use unicode_width::UnicodeWidthStr;

/// Beyond this many tasks edges that follow from others are drawn too.
const REDUCE_LIMIT: usize = 5000;

/// Draws a graph, initiative by initiative.
pub(crate) fn draw(graph: &TaskGraphView, page: &mut Page) {
    if graph.tasks.is_empty() {
        return page.faint("no tasks");
    }
    let mut initiatives: Vec<(Option<&str>, &str)> = Vec::new();
    for task in &graph.tasks {
        let key = (task.project.as_deref(), task.initiative.as_str());
        if !initiatives.contains(&key) {
            initiatives.push(key);
        }
    }
    let several = initiatives.len() > 1;
    for key in initiatives {
        if several {
            page.blank();
            page.heading(key.1, key.0.unwrap_or_default());
        }
        let mine = |task: &&TaskView| (task.project.as_deref(), task.initiative.as_str()) == key;
        let tasks: Vec<&TaskView> = graph.tasks.iter().filter(mine).collect();
        draw_one(&tasks, &predecessors(&tasks, graph), page);
    }
}

/// Who each task waits for, by place in the list; what follows from other edges is left out.
fn predecessors(tasks: &[&TaskView], graph: &TaskGraphView) -> Vec<Vec<usize>> {
    let Some(first) = tasks.first() else {
        return Vec::new();
    };
    let place: HashMap<&str, usize> = tasks
        .iter()
        .enumerate()
        .map(|(at, task)| (task.id.as_str(), at))
        .collect();
    let mut before = vec![Vec::new(); tasks.len()];
    for edge in graph
        .edges
        .iter()
        .filter(|edge| edge.initiative == first.initiative)
    {
        let ends = (place.get(edge.from.as_str()), place.get(edge.to.as_str()));
        // An edge that leads upwards cannot be drawn; the server sends none.
        if let (Some(&from), Some(&to)) = ends
            && from < to
            && !before[to].contains(&from)
        {
            before[to].push(from);
        }
    }
    if tasks.len() <= REDUCE_LIMIT {
        reduce(before)
    } else {
        before
    }
}

/// Leaves out each edge that a longer way says already.
fn reduce(before: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
    let words = before.len().div_ceil(64);
    let mut above: Vec<Vec<u64>> = Vec::with_capacity(before.len());
    let mut reduced = Vec::with_capacity(before.len());
    for mut direct in before {
        direct.sort_unstable();
        let mut all = vec![0u64; words];
        for &one in &direct {
            for (word, more) in all.iter_mut().zip(&above[one]) {
                *word |= more;
            }
        }
        direct.retain(|one| all[one / 64] & (1 << (one % 64)) == 0);
        for one in &direct {
            all[one / 64] |= 1 << (one % 64);
        }
        above.push(all);
        reduced.push(direct);
    }
    reduced
}

fn draw_one(tasks: &[&TaskView], before: &[Vec<usize>], page: &mut Page) {
    let rows = lay_out(before);
    let width = rows.iter().map(|row| row.1.width()).max().unwrap_or(0);
    let ids = tasks.iter().map(|task| task.id.width()).max().unwrap_or(0);
    for (at, lines) in rows {
        let Some(at) = at else {
            page.line(page.style.paint(Tone::Faint, &lines));
            continue;
        };
        let task = tasks[at];
        let status = task.status.as_str();
        let tone = of_status(status);
        let paint =
            |text: &str| tone.map_or_else(|| text.to_owned(), |tone| page.style.paint(tone, text));
        let pad = " ".repeat(width - lines.width());
        let lines = lines.replace('●', &paint("●"));
        let id = escape::line(&task.id);
        let space = " ".repeat(ids.saturating_sub(id.width()));
        let id = page.style.paint(Tone::Strong, &id);
        let title = escape::line(&task.title);
        page.line(format!(
            "{lines}{pad}  {id}{space}  {}  {title}",
            paint(&format!("{status:<9}"))
        ));
    }
}

/// Lays rows out: a task's place and its part of the drawing; rows without a task part strands
/// that do not belong together.
fn lay_out(before: &[Vec<usize>]) -> Vec<(Option<usize>, String)> {
    let mut left = vec![0usize; before.len()];
    for one in before.iter().flatten() {
        left[*one] += 1;
    }
    let mut columns: Vec<Option<usize>> = Vec::new();
    let mut rows: Vec<(Option<usize>, String)> = Vec::new();
    let mut ended: Option<usize> = None;
    for (at, direct) in before.iter().enumerate() {
        for one in direct {
            left[*one] -= 1;
        }
        let is_of = |column: &Option<usize>| column.is_some_and(|one| direct.contains(&one));
        let ends = |column: &Option<usize>| column.is_some_and(|one| left[one] == 0);
        let reused = columns
            .iter()
            .position(|column| is_of(column) && ends(column));
        let mine = reused
            .or_else(|| columns.iter().position(Option::is_none))
            .unwrap_or(columns.len());
        if mine == columns.len() {
            columns.push(None);
        }
        if reused.is_none() && ended == Some(mine) {
            let gap = columns
                .iter()
                .map(|c| if c.is_some() { "│ " } else { "  " })
                .collect::<String>();
            rows.push((None, gap.trim_end().to_owned()));
        }
        rows.push((Some(at), row(&columns, mine, &is_of, &ends)));
        for column in &mut columns {
            if is_of(column) && ends(column) {
                *column = None;
            }
        }
        columns[mine] = (left[at] > 0).then_some(at);
        ended = columns[mine].is_none().then_some(mine);
        while columns.last().is_some_and(Option::is_none) {
            columns.pop();
        }
    }
    rows
}

/// Draws the row of one task: its dot, the strands that lead to it, those that pass by.
fn row(
    columns: &[Option<usize>],
    mine: usize,
    is_of: &impl Fn(&Option<usize>) -> bool,
    ends: &impl Fn(&Option<usize>) -> bool,
) -> String {
    let touched: Vec<usize> = (0..columns.len())
        .filter(|at| *at == mine || is_of(&columns[*at]))
        .collect();
    let (first, last) = (touched[0], touched[touched.len() - 1]);
    let mut out = String::new();
    for (at, column) in columns.iter().enumerate() {
        let inside = first < at && at < last;
        let sign = match (at == mine, is_of(column), ends(column)) {
            (true, ..) => '●',
            (_, true, false) if inside => '┼',
            (_, true, true) if inside => '┴',
            (_, true, false) => {
                if at == first {
                    '├'
                } else {
                    '┤'
                }
            }
            (_, true, true) => {
                if at == first {
                    '╰'
                } else {
                    '╯'
                }
            }
            _ if column.is_some() => '│',
            _ if inside => '─',
            _ => ' ',
        };
        out.push(sign);
        out.push(if first <= at && at < last { '─' } else { ' ' });
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(before: &[&[usize]]) -> String {
        let before = reduce(before.iter().map(|direct| direct.to_vec()).collect());
        let rows = lay_out(&before);
        let rows = rows.iter().map(|(at, lines)| {
            let name = at.map(|at| char::from(b'a' + at as u8).to_string());
            format!("{lines}  {}", name.unwrap_or_default())
                .trim_end()
                .to_owned()
        });
        rows.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_line_of_work_is_one_column() {
        assert_eq!(drawn(&[&[], &[0], &[1]]), "●  a\n●  b\n●  c");
    }

    #[test]
    fn a_fork_and_a_join() {
        insta::assert_snapshot!(drawn(&[&[], &[0], &[0], &[1, 2], &[3]]), @r"
        ●  a
        ├─●  b
        ● │  c
        ●─╯  d
        ●  e
        ");
    }

    #[test]
    fn strands_that_pass_by_stay_whole() {
        insta::assert_snapshot!(drawn(&[&[], &[], &[], &[0, 2], &[1, 3], &[0, 1]]), @r"
        ●  a
        │ ●  b
        │ │ ●  c
        ├─│─●  d
        │ ├─●  e
        ●─╯  f
        ");
    }

    #[test]
    fn work_that_does_not_belong_together_is_parted() {
        assert_eq!(drawn(&[&[], &[0], &[]]), "●  a\n●  b\n\n●  c");
    }

    #[test]
    fn an_edge_that_follows_from_others_is_not_drawn() {
        assert_eq!(
            reduce(vec![vec![], vec![0], vec![0, 1]]),
            [vec![], vec![0], vec![1]]
        );
    }
}
