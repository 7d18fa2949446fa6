//! The list of all cases, and the macro that makes a test of each.

/// Emits a module of tests, one for each case of the contract, that run on the store which an expression opens.
///
/// The expression makes a [`Subject`](crate::contract::Subject); it is evaluated once for each case, in an async block.
#[macro_export]
macro_rules! contract_suite {
    ($store:ident, $subject:expr $(,)?) => {
        #[cfg(test)]
        mod $store {
            #[allow(unused_imports)]
            use super::*;
            $crate::contract_cases!(contract_tests, $subject);
        }
    };
}

/// Hands the list of all cases, by file, to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_cases {
    ($emit:ident $(, $argument:expr)?) => {
        $crate::$emit! {
            [$($argument)?]
            users: {
                a_user_is_found_as_stored,
            }
        }
    };
}

/// Makes a test of each case in a list.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_tests {
    ([$subject:expr] $($file:ident: { $($case:ident,)* })*) => {
        /// How many cases there are.
        pub const CASES: usize = [$($(stringify!($case),)*)*].len();

        $(
            mod $file {
                #[allow(unused_imports)]
                use super::*;
                $(
                    #[test]
                    fn $case() {
                        $crate::contract::run(async || $subject, $crate::contract::$file::$case);
                    }
                )*
            }
        )*

        #[test]
        fn the_suite_has_this_many_cases() {
            $crate::contract::report(module_path!(), CASES);
        }
    };
}

/// Makes a list of the names of the cases.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_names {
    ([] $($file:ident: { $($case:ident,)* })*) => {
        &[$((stringify!($file), &[$(stringify!($case),)*]),)*]
    };
}

/// The cases by file.
pub(super) const NAMES: &[(&str, &[&str])] = crate::contract_cases!(contract_names);

/// Prints how many cases a suite has, and checks that it is all of them.
#[doc(hidden)]
pub fn report(suite: &str, cases: usize) {
    println!("{suite}: {cases} cases");
    let listed: usize = NAMES.iter().map(|(_, cases)| cases.len()).sum();
    assert_eq!(cases, listed);
}
