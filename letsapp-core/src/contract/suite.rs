//! The list of all cases, and the macros that make a test of each.

/// Makes a module of tests, one for each case of the contract.
///
/// The first argument names the module. The second is an expression whose value implements
/// [`Subject`](crate::contract::Subject). It is evaluated once for each case, in an async block.
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

/// Passes the list of all cases, by file, to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_cases {
    ($emit:ident $(, $argument:expr)?) => {
        $crate::$emit! {
            [$($argument)?]
            users: {
                a_user_is_found_as_stored,
                an_address_is_kept_as_it_was_spelt,
                a_username_is_claimed_once,
                an_address_is_claimed_once_whatever_its_case,
                of_many_claims_of_a_username_one_is_done,
                of_many_claims_of_an_address_one_is_done,
                a_patch_changes_what_it_names_and_nothing_else,
                patches_of_different_fields_at_once_all_stay,
                an_address_is_free_once_its_user_has_another,
                nobody_unknown_or_erased_is_updated,
                an_erased_user_is_found_by_id_alone,
                a_credential_is_found_by_username_address_and_id,
                a_password_is_replaced_by_whoever_knew_the_present_one,
            }
            user_search: {
                search_finds_beginnings_of_usernames_and_of_folded_names,
                search_goes_on_to_the_last_page,
                search_goes_by_the_present_name,
                search_takes_every_character_for_itself,
            }
            last_seen: {
                a_user_was_last_seen_at_the_latest_time_noted,
                many_are_seen_in_one_call_each_at_their_time,
                of_times_of_one_user_in_one_call_the_latest_stays,
                nobody_unknown_or_erased_is_seen,
                being_seen_changes_nothing_else,
                of_times_noted_at_once_the_latest_stays,
            }
            sessions: {
                a_session_is_found_as_stored,
                sessions_of_a_user_come_newest_first,
                rotation_replaces_the_refresh_token,
                rotation_from_any_other_token_changes_nothing,
                of_many_rotations_from_one_token_one_is_done,
                use_is_noted_and_only_rises,
                only_a_users_own_sessions_are_revoked,
                a_revoked_session_stays_gone,
                revoking_while_others_rotate_and_use_leaves_nothing,
                the_first_key_of_a_purpose_is_kept,
                of_many_who_find_no_key_all_get_the_same,
            }
            contacts: {
                a_contact_is_found_as_it_was_put,
                a_contact_put_again_takes_the_new_alias_and_keeps_its_time,
                a_contact_that_was_removed_comes_back_anew,
                a_block_is_found_as_it_was_put_up_first,
                a_block_that_was_taken_down_comes_back_anew,
                contacts_and_blocks_know_nothing_of_each_other,
                lists_go_on_to_the_last_page_each_in_order,
                ties_are_looked_up_in_their_direction,
                hundreds_of_ties_are_looked_up_at_once,
                of_many_who_put_one_contact_the_first_time_stays,
                of_many_who_put_up_one_block_the_first_time_stays,
                of_many_who_remove_one_exactly_one_does,
                putting_and_removing_at_once_leaves_one_or_none,
                who_is_forgotten_owns_nothing_and_others_keep_what_they_have,
                aliases_are_kept_to_the_byte,
                contacts_and_blocks_outlive_a_restart,
            }
            conversations: {
                a_direct_conversation_is_made_once,
                of_many_who_start_the_same_chat_one_makes_it,
                both_of_a_pair_are_in_from_the_start,
                conversations_are_found_as_stored,
                a_roster_lists_those_who_are_in_by_joining_and_then_by_id,
                rosters_of_many_conversations_come_each_with_its_own_members,
                heads_tell_where_conversations_stand,
                heads_of_hundreds_of_conversations_come_at_once,
                those_who_are_in_are_counted,
                members_are_found_when_they_have_left_too,
                memberships_are_all_that_a_user_has_or_had,
            }
            receipts: {
                watermarks_only_rise,
                reading_is_receiving_too,
                a_member_who_comes_twice_in_one_call_rises_twice,
                a_record_changes_its_time_where_a_number_did,
                former_members_have_watermarks_too,
                of_advances_at_once_the_highest_stays,
                preferences_change_by_what_is_named,
                changes_of_one_record_at_once_all_stay,
            }
            messages: {
                appends_take_the_next_seq_and_the_next_rev,
                a_message_is_read_as_it_was_written,
                system_messages_of_every_kind_are_read_as_written,
                a_revision_takes_the_next_rev_and_keeps_its_place,
                a_revision_of_what_has_changed_is_outdated,
                the_same_message_again_is_a_duplicate,
                a_duplicate_is_answered_with_the_message_as_it_stands,
                a_duplicate_is_one_whatever_its_fence,
                an_id_belongs_to_its_conversation,
                what_was_decided_under_another_fence_is_outdated,
                what_is_committed_is_seen_everywhere_at_once,
            }
            batches: {
                a_batch_is_carried_out_in_order,
                a_batch_may_revise_what_it_appended,
                a_batch_serves_many_conversations_each_in_order,
                a_system_message_outdates_what_stands_behind_it_in_its_batch,
                a_change_that_fails_takes_no_other_with_it,
            }
            groups: {
                a_group_is_made_with_its_members_and_first_message,
                a_group_that_exists_is_not_made_again,
                a_group_is_made_and_used_in_one_batch,
                a_group_takes_hundreds_of_members,
                a_system_message_changes_the_conversation_that_it_tells_of,
                whoever_joins_reads_from_the_message_that_tells_of_it,
                whoever_comes_back_has_another_window_and_keeps_the_rest,
                several_members_change_in_one_step,
                changes_of_members_that_come_to_nothing_change_nothing,
                a_system_message_again_carries_nothing_out_again,
                an_outdated_system_message_carries_nothing_out,
                what_is_behind_a_duplicate_goes_by_the_newest_fence,
                revisions_do_not_move_the_fence,
            }
            succession: {
                an_owner_goes_and_another_takes_over_in_one_step,
                a_succession_again_carries_nothing_out,
            }
            history: {
                history_is_paged_from_the_newest_to_the_first,
                history_is_paged_from_the_first_to_the_newest,
                history_starts_anywhere,
                changes_come_each_once_by_rev_in_the_present_state,
                changes_begin_behind_what_is_known,
                tallies_count_users_messages_that_are_not_deleted,
                tallies_answer_each_span_in_order,
                a_tally_follows_deletions_and_nothing_else,
                senders_of_a_span_come_each_once,
                messages_are_found_by_place_and_by_id,
                an_unknown_or_empty_conversation_has_nothing_to_read,
                what_a_member_reads_ends_with_their_leaving,
            }
            message_search: {
                every_term_must_be_there,
                only_an_unfinished_last_word_finds_longer_ones,
                every_script_and_emoji_is_found,
                operators_of_any_store_are_words,
                an_edited_message_is_found_by_its_words_of_now,
                what_was_deleted_and_what_the_system_says_is_not_found,
                what_is_committed_is_found_at_once_and_after_a_restart,
                words_of_any_length_and_number_are_found,
            }
            message_search_order: {
                whole_words_come_before_beginnings_and_bodies_before_names,
                of_equals_the_later_one_comes_first,
                pages_lead_to_the_last_hit_and_repeat_none,
                a_page_goes_on_from_what_is_not_there,
                only_what_lies_in_the_windows_is_found,
                other_conversations_are_not_looked_into,
                whoever_left_and_came_back_finds_what_they_saw,
                hits_are_those_of_a_sender_and_a_time,
                hundreds_of_conversations_are_searched_at_once,
            }
            erasure: {
                an_erased_account_leaves_its_name_and_nothing_else,
                an_account_is_erased_by_whoever_knew_the_password,
                of_many_who_erase_an_account_one_does,
                what_races_with_an_erasure_brings_nothing_back,
                accounts_are_listed_until_their_erasing_is_finished,
                an_erasing_that_was_begun_outlives_a_restart,
            }
            group_deletion: {
                with_a_group_go_all_who_are_or_were_in_it,
                a_deleted_group_leaves_what_tells_a_retry_from_another_request,
                nothing_lands_behind_the_end_of_a_group,
                a_message_sent_while_its_group_is_deleted_is_before_its_end_or_nowhere,
                of_those_who_delete_a_group_at_once_one_does,
                a_deleted_group_is_purged_a_part_at_a_time,
                many_may_purge_at_once_and_again,
                what_is_not_deleted_is_not_purged,
                groups_are_listed_until_they_are_purged,
                the_end_of_a_group_outlives_a_restart,
            }
            races: {
                appends_at_once_are_all_in_and_dense,
                two_instances_share_conversations_without_a_hole,
                a_message_offered_many_times_at_once_is_one,
                of_revisions_at_once_from_one_state_one_lands,
                of_system_messages_at_once_under_one_fence_one_lands,
                a_system_message_offered_many_times_at_once_is_one,
                of_groups_made_at_once_under_one_id_one_is,
                nobodys_message_follows_their_own_removal,
            }
            readers: {
                readers_never_see_a_hole,
                a_roster_is_never_older_than_its_fence,
            }
            restart: {
                accounts_outlive_a_restart,
                sessions_and_keys_outlive_a_restart,
                conversations_outlive_a_restart,
                numbers_go_on_after_a_restart,
                what_many_committed_at_once_outlives_a_restart,
                a_closed_store_says_so,
            }
            hostile: {
                bodies_are_kept_to_the_byte,
                names_and_titles_are_kept_to_the_byte,
                attachments_and_reactions_are_kept_to_the_byte,
                names_that_differ_in_bytes_are_different,
                credentials_are_never_found_by_a_pattern,
            }
            value_limits: {
                a_message_may_carry_a_thousand_mentions_and_reactions,
                ids_of_any_bits_are_ids,
                numbers_that_are_asked_for_may_be_anything,
                numbers_of_63_bits_are_kept,
                times_of_any_age_are_kept,
                a_page_of_the_largest_messages_is_read_whole,
            }
            properties: {
                random_operations_are_answered_as_by_a_naive_model,
            }
        }
    };
}

/// Makes a test of each case in a list.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_tests {
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

/// Prints the number of cases of a suite, and checks that none is missing.
#[doc(hidden)]
pub fn report(suite: &str, cases: usize) {
    println!("{suite}: {cases} cases");
    let listed: usize = NAMES.iter().map(|(_, cases)| cases.len()).sum();
    assert_eq!(cases, listed);
}
