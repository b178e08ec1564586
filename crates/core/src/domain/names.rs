//! Names for agents: city districts, in ASCII so that they work in refs, paths and shells.

/// City districts of the world.
pub const DISTRICTS: &[&str] = &[
    "alfama",
    "altona",
    "asakusa",
    "balat",
    "bandra",
    "barranco",
    "barrio",
    "bastille",
    "belem",
    "belgravia",
    "belleville",
    "beyoglu",
    "bicocca",
    "boerum",
    "bowery",
    "brera",
    "brixton",
    "bronx",
    "camden",
    "castro",
    "cerro",
    "chamberi",
    "chelsea",
    "chiado",
    "chinatown",
    "chueca",
    "cihangir",
    "clifton",
    "coyoacan",
    "croix",
    "dalston",
    "deptford",
    "docklands",
    "dumbo",
    "eixample",
    "fitzroy",
    "friedrichshain",
    "gamla",
    "gastown",
    "gemmayze",
    "gangnam",
    "ginza",
    "gracia",
    "grunerlokka",
    "hackney",
    "harajuku",
    "harlem",
    "haight",
    "holborn",
    "hongdae",
    "insadong",
    "islington",
    "itaewon",
    "jordaan",
    "kadikoy",
    "kallio",
    "karakoy",
    "kazimierz",
    "kensington",
    "kolonaki",
    "kreuzberg",
    "lapa",
    "lavapies",
    "leith",
    "letna",
    "linden",
    "malasana",
    "marais",
    "mayfair",
    "medina",
    "miraflores",
    "mission",
    "mitte",
    "monti",
    "montmartre",
    "moabit",
    "navigli",
    "neukolln",
    "noe",
    "nolita",
    "norrmalm",
    "notting",
    "oltrarno",
    "ortigas",
    "palermo",
    "pangrati",
    "peckham",
    "pigalle",
    "pimlico",
    "plaka",
    "poblenou",
    "polanco",
    "prenzlauer",
    "queens",
    "recoleta",
    "retiro",
    "ribeira",
    "roma",
    "santana",
    "schanze",
    "shibuya",
    "shinjuku",
    "shoreditch",
    "soho",
    "sodermalm",
    "stokes",
    "sultanahmet",
    "surry",
    "tacheles",
    "telegraph",
    "thamel",
    "tiong",
    "trastevere",
    "tribeca",
    "triana",
    "tsim",
    "ueno",
    "vedado",
    "vesterbro",
    "vinohrady",
    "vomero",
    "wedding",
    "williamsburg",
    "yanaka",
    "yorkville",
    "zamalek",
    "zizkov",
];

/// The first name from the district number `chance` on that `used` does not know; once all are
/// used up, that district with a number.
pub fn draw(chance: usize, used: impl Fn(&str) -> bool) -> String {
    let start = chance % DISTRICTS.len();
    let mut ring = DISTRICTS.iter().cycle().skip(start).take(DISTRICTS.len());
    if let Some(name) = ring.find(|name| !used(name)) {
        return (*name).to_owned();
    }
    numbered(DISTRICTS[start], used)
}

/// `name` itself when it is free, else with a number that makes it so: the first one, unless
/// numbers were used out of order. A name that came a thousand times is not asked for each of them.
pub fn numbered(name: &str, used: impl Fn(&str) -> bool) -> String {
    if !used(name) {
        return name.to_owned();
    }
    let with = |number: u64| format!("{name}-{number}");
    let (mut taken, mut free) = (1, 2);
    while used(&with(free)) {
        (taken, free) = (free, free * 2);
    }
    while taken + 1 < free {
        let middle = taken + (free - taken) / 2;
        if used(&with(middle)) {
            taken = middle;
        } else {
            free = middle;
        }
    }
    with(free)
}

/// What is wrong with a name that a user chose for an agent, if anything.
#[must_use]
pub fn flaw(name: &str) -> Option<&'static str> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 40 {
        Some("a name has 1 to 40 characters")
    } else if !name.chars().all(fits) || name.starts_with('-') || name.ends_with('-') {
        Some("a name is made of a-z, 0-9 and '-', and neither starts nor ends with '-'")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    #[test]
    fn there_are_at_least_a_hundred_districts_and_none_twice() {
        let distinct: BTreeSet<_> = DISTRICTS.iter().collect();
        assert_eq!(distinct.len(), DISTRICTS.len());
        assert!(distinct.len() >= 100);
        assert!(DISTRICTS.iter().all(|name| flaw(name).is_none()));
    }

    #[test]
    fn a_name_comes_again_only_with_a_number() {
        let mut used = BTreeSet::new();
        for _ in 0..DISTRICTS.len() {
            let name = draw(DISTRICTS.len() - 1, |name| used.contains(name));
            assert!(!name.contains(char::is_numeric));
            assert!(used.insert(name));
        }
        let again = draw(DISTRICTS.len() - 1, |name| used.contains(name));
        assert_eq!(again, "zizkov-2");
        used.insert(again);
        assert_eq!(
            draw(DISTRICTS.len() - 1, |name| used.contains(name)),
            "zizkov-3"
        );
    }

    #[test]
    fn a_name_that_came_often_gets_its_next_number_after_few_looks() {
        let looks = std::cell::Cell::new(0);
        for last in 1..=1000 {
            looks.set(0);
            let name = numbered("soho", |name| {
                looks.set(looks.get() + 1);
                let number = name.strip_prefix("soho-").map_or(1, |n| n.parse().unwrap());
                number <= last
            });
            assert_eq!(name, format!("soho-{}", last + 1));
            assert!(looks.get() <= 25, "{} looks for {name}", looks.get());
        }
    }

    #[test]
    fn a_number_that_is_taken_is_not_given() {
        let used = BTreeSet::from(["soho", "soho-2", "soho-3", "soho-5", "soho-8"]);
        let name = numbered("soho", |name| used.contains(name));
        assert!(!used.contains(&*name), "{name}");
    }

    #[test]
    fn a_name_that_would_not_make_a_ref_is_refused() {
        for bad in ["", "-a", "a-", "Ab", "a b", "a/b", "a.lock", "ü"] {
            assert!(flaw(bad).is_some(), "{bad:?}");
        }
        assert_eq!(flaw("soho-2"), None);
    }
}
