//! Numbers in few characters.

/// A number in at most seven characters: three digits, or two with an exponent.
pub(super) fn short(x: f64) -> String {
    let size = x.abs();
    if x == 0.0 {
        "0".to_owned()
    } else if !(0.01..999.5).contains(&size) {
        format!("{x:.1e}")
    } else if size < 0.9995 {
        format!("{x:.3}")
    } else if size < 9.995 {
        format!("{x:.2}")
    } else if size < 99.95 {
        format!("{x:.1}")
    } else {
        format!("{x:.0}")
    }
}

/// A number in two digits.
pub(super) fn shorter(x: f64) -> String {
    let size = x.abs();
    if x == 0.0 {
        "0".to_owned()
    } else if !(0.01..99.5).contains(&size) {
        format!("{x:.0e}")
    } else if size < 0.995 {
        format!("{x:.2}")
    } else if size < 9.95 {
        format!("{x:.1}")
    } else {
        format!("{x:.0}")
    }
}

/// A probability of error.
pub(super) fn probability(p: f64) -> String {
    match p {
        p if p < 1e-15 => "< 1e-15".to_owned(),
        p if p < 0.01 => format!("{p:.0e}"),
        p => format!("{p:.2}"),
    }
}

/// A number of networks.
pub(super) fn count(x: f64) -> String {
    if x < 1e6 {
        format!("{x:.0}")
    } else {
        format!("{x:.1e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (x, text) in [
            (0.0, "0"),
            (1.0, "1.00"),
            (0.123_45, "0.123"),
            (-12.345, "-12.3"),
            (123.456, "123"),
            (1e-9, "1.0e-9"),
            (-4.2e17, "-4.2e17"),
            (0.999_9, "1.00"),
        ] {
            assert_eq!(short(x), text);
            assert!(short(x).len() <= 7 && shorter(x).len() <= 6);
        }
    }
}
