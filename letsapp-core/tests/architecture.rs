//! The layers of this crate: a file imports only what its layer may import, and no files import each other in a cycle.
//!
//! The test reads the source files. An import through a re-export counts as an import of the file that defines the
//! name. A `pub use` is no import, unless its file uses the name itself. Code for tests is exempt. Paths inside the
//! arguments of macros are not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree, Visibility};

/// The layers, and the modules from which each may import. `app`, `prelude` and the crate's root may import everything.
const LAYERS: &[(&str, &[&str])] = &[
    ("domain", &["domain"]),
    ("protocol", &["protocol", "domain"]),
    ("ports", &["ports", "domain"]),
    ("engine", &["engine", "ports", "protocol", "domain"]),
    ("services", &["services", "engine", "ports", "protocol", "domain"]),
    ("adapters", &["adapters", "ports", "domain"]),
    ("contract", &["contract", "ports", "domain", "adapters::memory"]),
];

#[test]
fn every_import_is_one_that_its_layer_allows() {
    let imports = Imports::of(&sources());
    assert!(imports.0.len() > 100, "the sources were not found");
    assert_eq!(imports.forbidden(), Vec::<String>::new());
}

#[test]
fn no_files_import_each_other_in_a_cycle() {
    assert_eq!(Imports::of(&sources()).cycles(), Vec::<Vec<String>>::new());
}

#[test]
fn an_import_that_the_table_does_not_allow_is_found() {
    let imports = Imports::of(&crate_of(&[
        ("domain", "pub mod user;"),
        ("domain::user", "use crate::ports::Store; pub struct User;"),
        ("ports", "pub trait Store {} fn f() { crate::engine::run(); }"),
        ("engine", "pub fn run() {}"),
    ]));
    assert_eq!(
        imports.forbidden(),
        ["domain::user imports ports", "ports imports engine"]
    );
}

#[test]
fn an_import_counts_for_the_file_that_defines_the_name() {
    let imports = Imports::of(&crate_of(&[
        ("domain", "mod a; mod b; pub use a::A; pub use b::B;"),
        ("domain::a", "pub struct A;"),
        ("domain::b", "use super::A; pub struct B(A);"),
    ]));
    assert_eq!(imports.0["domain::b"], BTreeSet::from(["domain::a".to_owned()]));
    assert_eq!(imports.cycles(), Vec::<Vec<String>>::new());
}

#[test]
fn a_file_that_uses_a_name_which_it_re_exports_imports_it() {
    let imports = Imports::of(&crate_of(&[
        ("engine", "mod part; pub use part::Part; pub struct Whole(Part);"),
        ("engine::part", "use super::Whole; pub struct Part(Box<Whole>);"),
    ]));
    assert_eq!(imports.cycles(), [["engine", "engine::part"]]);
}

#[test]
fn a_path_that_begins_at_a_module_of_the_file_is_an_import() {
    let imports = Imports::of(&crate_of(&[
        ("ports", "mod part; pub fn whole() { part::half(); }"),
        ("ports::part", "pub fn half() { super::whole(); }"),
    ]));
    assert_eq!(imports.cycles(), [["ports", "ports::part"]]);
}

#[test]
fn code_for_tests_is_exempt() {
    let imports = Imports::of(&crate_of(&[
        (
            "domain",
            "#[cfg(test)] mod fixtures; #[cfg(test)] mod tests { use crate::services::run; } #[cfg(test)] use crate::app::App;",
        ),
        ("domain::fixtures", "use crate::services::run;"),
        ("services", "pub fn run() {}"),
    ]));
    assert_eq!(imports.forbidden(), Vec::<String>::new());
    assert!(!imports.0.contains_key("domain::fixtures"));
}

/// Each module that is a file, by its path in the crate. The path of the root is empty.
type Sources = BTreeMap<String, syn::File>;

fn sources() -> Sources {
    let mut sources = Sources::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    read(&root, "", &mut sources);
    sources
}

fn read(folder: &Path, module: &str, sources: &mut Sources) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .expect("a name in UTF-8");
        if path.is_dir() {
            read(&path, &join(module, name), sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("the file can be read");
            let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let module = match name {
                "mod" | "lib" => module.to_owned(),
                name => join(module, name),
            };
            sources.insert(module, file);
        }
    }
}

fn crate_of(modules: &[(&str, &str)]) -> Sources {
    let parse = |text: &str| syn::parse_file(text).expect("the text is Rust");
    modules
        .iter()
        .map(|(module, text)| ((*module).to_owned(), parse(text)))
        .collect()
}

fn join(module: &str, name: &str) -> String {
    if module.is_empty() {
        name.to_owned()
    } else {
        format!("{module}::{name}")
    }
}

/// The files that each file imports.
struct Imports(BTreeMap<String, BTreeSet<String>>);

impl Imports {
    fn of(sources: &Sources) -> Self {
        let tests = for_tests(sources);
        let scanned: BTreeMap<&str, Scan> = sources
            .iter()
            .filter(|(module, _)| !tests.contains(*module))
            .map(|(module, file)| (module.as_str(), Scan::of(file)))
            .collect();
        let resolver = Resolver {
            modules: sources.keys().map(String::as_str).collect(),
            scanned: &scanned,
        };
        let imports = scanned.iter().map(|(module, scan)| {
            let used = scan.exports.iter().filter(|(name, _)| scan.mentioned.contains(*name));
            let paths = scan.imports.iter().chain(used.map(|(_, path)| path));
            let found = paths.filter_map(|path| resolver.definition(&resolver.absolute(module, path)?, 0));
            let others = found.filter(|found| found != module && !tests.contains(found));
            ((*module).to_owned(), others.collect())
        });
        Self(imports.collect())
    }

    fn forbidden(&self) -> Vec<String> {
        let mut forbidden = Vec::new();
        for (module, imports) in &self.0 {
            let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| is_within(module, layer)) else {
                continue;
            };
            let is_allowed = |import: &str| allowed.iter().any(|layer| is_within(import, layer));
            let wrong = imports.iter().filter(|import| !is_allowed(import));
            forbidden.extend(wrong.map(|import| format!("{module} imports {import}")));
        }
        forbidden
    }

    /// Returns the groups of files that import each other, directly or through other files.
    fn cycles(&self) -> Vec<Vec<String>> {
        let reachable: BTreeMap<_, _> = self.0.keys().map(|module| (module, self.reachable(module))).collect();
        let circle = |module: &String| -> Vec<String> {
            let comes_back = |other: &&String| reachable.get(other).is_some_and(|back| back.contains(module));
            reachable[module].iter().filter(comes_back).cloned().collect()
        };
        let circles: BTreeSet<_> = self.0.keys().map(circle).filter(|circle| !circle.is_empty()).collect();
        circles.into_iter().collect()
    }

    fn reachable(&self, module: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&String> = self.0.get(module).into_iter().flatten().collect();
        while let Some(next) = open.pop() {
            if found.insert(next.clone()) {
                open.extend(self.0.get(next).into_iter().flatten());
            }
        }
        found
    }
}

fn is_within(module: &str, layer: &str) -> bool {
    module
        .strip_prefix(layer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Returns the modules that are compiled for tests only, and their submodules.
fn for_tests(sources: &Sources) -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for (module, file) in sources {
        for item in &file.items {
            if let Item::Mod(declared) = item
                && is_for_tests(&declared.attrs)
            {
                let root = join(module, &declared.ident.to_string());
                tests.extend(sources.keys().filter(|module| is_within(module, &root)).cloned());
            }
        }
    }
    tests
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let condition = attribute
            .path()
            .is_ident("cfg")
            .then(|| attribute.parse_args::<syn::Path>());
        matches!(condition, Some(Ok(path)) if path.is_ident("test"))
    })
}

/// The paths in one file.
#[derive(Default)]
struct Scan {
    /// Paths of `use` declarations, and paths with several segments in the code.
    imports: Vec<Vec<String>>,
    /// The path behind each re-exported name.
    exports: BTreeMap<String, Vec<String>>,
    /// First segments of all paths in the code.
    mentioned: BTreeSet<String>,
}

impl Scan {
    fn of(file: &syn::File) -> Self {
        let mut scan = Self::default();
        scan.visit_file(file);
        scan
    }

    fn import(&mut self, tree: &UseTree, mut path: Vec<String>, is_export: bool) {
        match tree {
            UseTree::Path(part) => {
                path.push(part.ident.to_string());
                self.import(&part.tree, path, is_export);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, path.clone(), is_export);
                }
            }
            UseTree::Name(name) => self.name(path, &name.ident.to_string(), None, is_export),
            UseTree::Rename(name) => {
                self.name(path, &name.ident.to_string(), Some(name.rename.to_string()), is_export);
            }
            UseTree::Glob(_) => self.imports.push(path),
        }
    }

    fn name(&mut self, mut path: Vec<String>, name: &str, rename: Option<String>, is_export: bool) {
        if name != "self" {
            path.push(name.to_owned());
        }
        let name = rename.or_else(|| path.last().cloned()).unwrap_or_default();
        if is_export {
            self.exports.insert(name, path);
        } else {
            self.imports.push(path);
        }
    }
}

impl<'ast> Visit<'ast> for Scan {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes: &[Attribute] = match item {
            Item::Mod(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Const(item) => &item.attrs,
            _ => &[],
        };
        if !is_for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let is_export = !matches!(item.vis, Visibility::Inherited);
        self.import(&item.tree, Vec::new(), is_export);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {
        // `pub(in crate::…)` names a module without importing from it.
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if let Some(first) = names.first() {
            self.mentioned.insert(first.clone());
            if names.len() > 1 {
                // Paths into other crates, and paths that begin with an imported name, are dropped by the resolver.
                self.imports.push(names);
            }
        }
        visit::visit_path(self, path);
    }
}

struct Resolver<'a> {
    modules: BTreeSet<&'a str>,
    scanned: &'a BTreeMap<&'a str, Scan>,
}

impl Resolver<'_> {
    /// Returns the absolute path, from the crate's root; `None` if it leads to another crate.
    fn absolute(&self, module: &str, path: &[String]) -> Option<Vec<String>> {
        let mut base: Vec<String> = module
            .split("::")
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => {
                base.clear();
                rest = &path[1..];
            }
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|name| name == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            child if self.modules.contains(join(module, child).as_str()) => {}
            _ => return None,
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    /// Follows re-exports, and returns the file that defines the item of an absolute path.
    fn definition(&self, path: &[String], depth: usize) -> Option<String> {
        assert!(depth < 16, "re-exports form a cycle: {path:?}");
        let is_module = |length: &usize| self.modules.contains(path[..*length].join("::").as_str());
        let length = (1..=path.len()).take_while(is_module).last()?;
        let module = path[..length].join("::");
        let scan = self.scanned.get(module.as_str());
        let export = path.get(length).and_then(|name| scan?.exports.get(name));
        match export.and_then(|export| self.absolute(&module, export)) {
            Some(export) => self.definition(&export, depth + 1),
            None => Some(module),
        }
    }
}
