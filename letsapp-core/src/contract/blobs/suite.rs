//! The list of all cases for stores of bytes, and the macros that make a test of each.

/// Makes a module of tests, one for each case of the contract of a [`BlobStore`](crate::ports::BlobStore).
///
/// The first argument names the module. The second is an expression whose value implements
/// [`BlobSubject`](crate::contract::blobs::BlobSubject). It is evaluated once for each case, in an async block.
#[macro_export]
macro_rules! blob_contract_suite {
    ($store:ident, $subject:expr $(,)?) => {
        #[cfg(test)]
        mod $store {
            #[allow(unused_imports)]
            use super::*;
            $crate::blob_contract_cases!(blob_contract_tests, $subject);
        }
    };
}

/// Passes the list of all cases, by file, to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! blob_contract_cases {
    ($emit:ident $(, $argument:expr)?) => {
        $crate::$emit! {
            [$($argument)?]
            writes: {
                a_blob_is_read_as_it_was_written,
                an_empty_blob_is_a_blob,
                a_blob_survives_a_restart,
                a_blob_is_seen_by_every_instance_at_once,
                a_blob_is_not_overwritten,
                of_concurrent_writes_of_one_id_exactly_one_wins,
                a_blob_is_not_visible_before_it_is_complete,
                a_large_blob_is_streamed_in_both_directions,
                chunks_are_taken_no_faster_than_they_are_stored,
                thousands_of_small_blobs_are_kept_apart,
            }
            reads: {
                a_range_may_begin_and_end_anywhere,
                a_range_that_is_not_within_the_blob_names_its_size,
                chunks_are_small_whatever_the_blob,
                concurrent_readers_get_each_their_own_bytes,
                a_reader_that_stops_half_way_disturbs_nobody,
                an_unknown_id_is_not_found,
            }
            deletion: {
                a_deleted_blob_is_gone_and_leaves_nothing,
                a_deletion_may_be_repeated,
                a_blob_deleted_while_it_is_read_ends_rightly_or_in_an_error,
                concurrent_deletions_remove_the_blob_once,
            }
            interruptions: {
                a_stream_that_fails_leaves_nothing,
                a_stream_that_fails_at_once_leaves_nothing,
                a_write_that_is_dropped_leaves_nothing,
                writes_dropped_at_any_moment_leave_nothing_or_the_whole,
                a_write_that_is_refused_leaves_nothing,
            }
            crashes: {
                a_crash_during_a_write_leaves_no_half_blob,
                recovering_leaves_blobs_and_writes_alone,
            }
        }
    };
}

/// Makes a test of each case in a list.
#[doc(hidden)]
#[macro_export]
macro_rules! blob_contract_tests {
    ([$subject:expr] $($file:ident: { $($case:ident,)* })*) => {
        /// Number of cases.
        pub const CASES: usize = [$($(stringify!($case),)*)*].len();

        $(
            mod $file {
                #[allow(unused_imports)]
                use super::*;
                $(
                    #[test]
                    fn $case() {
                        $crate::contract::blobs::run(async || $subject, $crate::contract::blobs::$file::$case);
                    }
                )*
            }
        )*

        #[test]
        fn the_suite_has_this_many_cases() {
            $crate::contract::blobs::report(module_path!(), CASES);
        }
    };
}

/// The cases by file.
pub(super) const NAMES: &[(&str, &[&str])] = crate::blob_contract_cases!(contract_names);

/// Prints the number of cases of a suite, and checks that none is missing.
#[doc(hidden)]
pub fn report(suite: &str, cases: usize) {
    println!("{suite}: {cases} cases");
    let listed: usize = NAMES.iter().map(|(_, cases)| cases.len()).sum();
    assert_eq!(cases, listed);
}
