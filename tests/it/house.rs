//! What `docs/architecture.md` says of the order of modules is so, and comments have their width.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push(path);
        }
    }
    all
}

/// The words of the code block behind "Order of modules".
fn order() -> Vec<String> {
    let text = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let (_, section) = text.split_once("## Order of modules").expect("the section");
    let block = section.split("```").nth(1).expect("a code block");
    let words = block.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    let words = words.filter(|word| !word.is_empty() && *word != "text");
    words.map(str::to_owned).collect()
}

/// The top-level modules that a source names by `crate::`, outside of comments and tests.
fn named(source: &str) -> BTreeSet<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let code: Vec<&str> = code
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect();
    let code = code.join("\n");
    let mut found = BTreeSet::new();
    for part in code.split("crate::").skip(1) {
        let (list, many) = match part.strip_prefix('{') {
            Some(rest) => (rest.split('}').next().unwrap_or_default(), true),
            None => (part, false),
        };
        let names = list.split(',').take(if many { usize::MAX } else { 1 });
        for name in names {
            let name = name.trim_start();
            let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_'));
            let name = &name[..end.unwrap_or(name.len())];
            // what lib.rs exports by name lives in one of the modules
            let module = match name {
                "PairCorrelation" | "PairCovariance" | "ScaledCovariance" => "covariance",
                "Error" | "Result" => "error",
                "Initialization" => "initialization",
                "Inputs" => "inputs",
                "Scalar" => "scalar",
                other => other,
            };
            found.insert(module.to_owned());
        }
    }
    found
}

#[test]
fn modules_read_only_what_stands_before_them() {
    let order = order();
    let place = |module: &str| {
        let found = order.iter().position(|other| other == module);
        found.unwrap_or_else(|| panic!("docs/architecture.md does not place {module}"))
    };
    let mut seen = BTreeSet::new();
    let sources = ["core/src", "networks/src", "laws/src", "src"].map(|folder| root().join(folder));
    let all = sources.iter().flat_map(|source| {
        let files = files(source).into_iter();
        files.map(move |path| (source, path))
    });
    for (source, path) in all {
        let relative = path.strip_prefix(source).unwrap();
        let top = relative.iter().next().unwrap().to_str().unwrap();
        let top = top.trim_end_matches(".rs").to_owned();
        // lib.rs exports from all of them; unit tests may build networks
        if top == "lib" || path.ends_with("tests.rs") {
            continue;
        }
        for module in named(&fs::read_to_string(&path).unwrap()) {
            assert!(
                module == top || place(&module) < place(&top),
                "{} names crate::{module}, which stands after {top}",
                path.display()
            );
        }
        seen.insert(top);
    }
    assert_eq!(
        seen,
        order.into_iter().collect(),
        "every module has its place"
    );
}

#[test]
fn comments_are_at_most_110_columns_wide() {
    for folder in [
        "core/src",
        "networks/src",
        "laws/src",
        "src",
        "tests",
        "examples",
        "benches",
        "mpi",
    ] {
        for path in files(&root().join(folder)) {
            for (i, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
                let wide = line.trim_start().starts_with("//") && line.chars().count() > 110;
                assert!(!wide, "{}:{}", path.display(), i + 1);
            }
        }
    }
}
