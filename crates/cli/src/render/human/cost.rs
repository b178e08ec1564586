//! Costs.

use super::differ;
use crate::render::amount;
use crate::render::page::Page;
use crate::render::table::{Cell, Table};
use cw_wire::cost::{CostBy, CostList, CostTotal};

/// Draws sums and, in the last line, their total.
pub(crate) fn list(list: &CostList, by: CostBy, page: &mut Page) {
    if list.costs.is_empty() {
        return page.faint("no costs");
    }
    let several = differ(&list.costs, |one| one.project.as_deref());
    let limited = list.costs.iter().any(|one| one.budget_usd.is_some());
    let mut heads = vec![match by {
        CostBy::Initiative => "INITIATIVE",
        CostBy::Task => "TASK",
        CostBy::Kind => "KIND",
        CostBy::Day => "DAY",
    }];
    if several {
        heads.insert(0, "PROJECT");
    }
    heads.extend([">TURNS", ">TOKENS", ">COST"]);
    if limited {
        heads.push(">BUDGET");
    }
    let mut table = Table::new(&heads);
    for one in &list.costs {
        let mut cells = vec![Cell::new(&one.key)];
        if several {
            cells.insert(0, Cell::maybe(one.project.as_deref()));
        }
        cells.extend(figures(&one.used));
        if limited {
            cells.push(Cell::maybe(one.budget_usd.map(amount::money)));
        }
        table.row(cells);
    }
    let mut cells = vec![Cell::new("total")];
    if several {
        cells.push(Cell::new(""));
    }
    cells.extend(figures(&list.total));
    if limited {
        cells.push(Cell::new(""));
    }
    table.row(cells);
    page.table(&table);
}

fn figures(used: &CostTotal) -> [Cell<'static>; 3] {
    [
        Cell::new(used.turns.to_string()),
        Cell::new(amount::count(used.tokens)),
        Cell::new(amount::money(used.cost_usd)),
    ]
}
