//! The list of all cases for buses, and the macros that make a test of each.

/// Makes a module of tests, one for each case of the contract of an [`EventBus`](crate::ports::EventBus).
///
/// The first argument names the module. The second is an expression whose value implements
/// [`BusSubject`](crate::contract::bus::BusSubject). It is evaluated once for each case, in an async block.
#[macro_export]
macro_rules! bus_contract_suite {
    ($bus:ident, $subject:expr $(,)?) => {
        #[cfg(test)]
        mod $bus {
            #[allow(unused_imports)]
            use super::*;
            $crate::bus_contract_cases!(bus_contract_tests, $subject);
        }
    };
}

/// Passes the list of all cases, by file, to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! bus_contract_cases {
    ($emit:ident $(, $argument:expr)?) => {
        $crate::$emit! {
            [$($argument)?]
            messages: {
                messages_arrive_in_the_order_in_which_they_were_sent,
                many_messages_in_one_send_keep_their_order_in_each_channel,
                a_message_to_one_server_reaches_no_other,
                a_message_to_everyone_reaches_all_and_the_sender,
                a_message_arrives_once,
                large_messages_arrive_whole,
                any_bytes_arrive_as_they_were_sent,
                the_messages_of_two_senders_keep_each_their_order,
                a_message_to_nobody_is_no_error,
            }
            streams: {
                messages_sent_right_after_joining_arrive,
                a_dropped_stream_leaves_the_bus,
                a_server_that_joins_again_gets_what_is_sent_from_then_on,
                a_server_that_does_not_read_delays_no_other,
            }
            directory: {
                users_are_found_on_all_their_servers,
                a_lookup_that_begins_after_an_entry_finds_it,
                unknown_users_are_nowhere,
                entering_and_leaving_may_be_repeated,
                a_user_who_leaves_one_server_stays_on_the_others,
                users_come_in_pages_in_the_order_of_their_ids,
                servers_that_enter_the_same_users_at_once_do_not_disturb_each_other,
            }
            leases: {
                a_lease_is_new_once_and_then_renewed,
                a_lease_that_has_expired_is_new_again,
                a_server_is_alive_as_long_as_its_lease,
                a_new_lease_begins_without_entries,
                a_renewed_lease_keeps_the_entries,
                a_retired_server_is_gone_with_its_entries,
                retiring_may_be_repeated_at_any_time,
                a_server_that_was_retired_may_come_back,
            }
        }
    };
}

/// Makes a test of each case in a list.
#[doc(hidden)]
#[macro_export]
macro_rules! bus_contract_tests {
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
                        $crate::contract::bus::run(async || $subject, $crate::contract::bus::$file::$case);
                    }
                )*
            }
        )*

        #[test]
        fn the_suite_has_this_many_cases() {
            $crate::contract::bus::report(module_path!(), CASES);
        }
    };
}

/// The cases by file.
pub(super) const NAMES: &[(&str, &[&str])] = crate::bus_contract_cases!(contract_names);

/// Prints the number of cases of a suite, and checks that none is missing.
#[doc(hidden)]
pub fn report(suite: &str, cases: usize) {
    println!("{suite}: {cases} cases");
    let listed: usize = NAMES.iter().map(|(_, cases)| cases.len()).sum();
    assert_eq!(cases, listed);
}
