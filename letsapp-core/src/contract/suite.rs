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
                of_concurrent_claims_of_a_username_one_succeeds,
                of_concurrent_claims_of_an_address_one_succeeds,
                a_patch_changes_what_it_names_and_nothing_else,
                patches_of_different_fields_at_once_all_stay,
                an_address_is_free_once_its_user_has_another,
                unknown_and_erased_users_are_not_updated,
                an_erased_user_is_found_by_id_alone,
                a_credential_is_found_by_username_address_and_id,
                a_password_is_replaced_only_if_the_expected_hash_is_stored,
            }
            user_search: {
                search_finds_beginnings_of_usernames_and_of_folded_names,
                search_goes_on_to_the_last_page,
                search_lists_each_user_once_by_the_first_name_found,
                search_goes_by_the_present_name,
                search_treats_no_character_as_a_wildcard,
            }
            last_seen: {
                last_seen_is_the_latest_time_stored,
                one_call_stores_the_times_of_many_users,
                of_several_times_of_a_user_in_one_call_the_latest_stays,
                unknown_and_erased_users_get_no_last_seen_time,
                storing_last_seen_changes_nothing_else,
                of_times_stored_concurrently_the_latest_stays,
            }
            sessions: {
                a_session_is_found_as_stored,
                sessions_of_a_user_come_newest_first,
                rotation_replaces_the_refresh_token,
                rotation_from_any_other_token_changes_nothing,
                of_concurrent_rotations_from_one_token_one_succeeds,
                the_time_of_last_use_only_rises,
                only_a_users_own_sessions_are_revoked,
                a_revoked_session_stays_gone,
                revoking_while_others_rotate_and_use_leaves_nothing,
                expired_sessions_are_removed_those_that_ended_first,
                the_first_key_of_a_purpose_is_kept,
                concurrent_first_reads_of_a_key_get_the_same_key,
            }
            meta: {
                a_store_keeps_its_first_epoch,
                concurrent_first_reads_of_the_epoch_get_the_same_epoch,
                a_renewed_epoch_replaces_the_first,
                the_epoch_of_a_new_store_may_be_renewed_before_it_is_read,
            }
            contacts: {
                a_contact_is_found_as_it_was_put,
                a_contact_put_again_takes_the_new_alias_and_keeps_its_time,
                a_contact_that_was_removed_comes_back_anew,
                a_block_keeps_its_first_time,
                a_block_that_was_removed_comes_back_anew,
                contacts_and_blocks_are_independent,
                lists_go_on_to_the_last_page_each_in_order,
                edges_are_looked_up_in_their_direction,
                hundreds_of_edges_are_looked_up_in_one_call,
                a_contact_put_concurrently_keeps_one_time,
                a_block_put_concurrently_keeps_one_time,
                of_concurrent_removals_exactly_one_reports_success,
                concurrent_putting_and_removing_leaves_one_or_none,
                forgetting_a_user_removes_only_what_they_own,
                aliases_are_kept_to_the_byte,
                contacts_and_blocks_survive_a_restart,
            }
            conversations: {
                a_direct_conversation_is_made_once,
                of_concurrent_creations_of_a_direct_conversation_one_succeeds,
                direct_conversations_are_found_by_their_pairs,
                acquainted_users_are_in_a_conversation_now,
                both_users_of_a_pair_are_members_from_the_start,
                conversations_are_found_as_stored,
                a_roster_lists_present_members_by_joining_and_then_by_id,
                rosters_of_many_conversations_come_each_with_its_own_members,
                heads_have_the_last_numbers_of_conversations,
                heads_of_hundreds_of_conversations_come_at_once,
                activity_is_the_time_of_the_newest_message,
                present_members_are_counted,
                former_members_are_found,
                memberships_include_former_ones,
            }
            receipts: {
                watermarks_only_rise,
                reading_raises_the_delivered_watermark,
                several_advances_of_a_member_in_one_call_all_count,
                an_advance_changes_the_time_only_if_it_raises_a_watermark,
                former_members_have_watermarks_too,
                of_concurrent_advances_the_highest_stays,
                preferences_change_only_in_the_given_fields,
                concurrent_changes_of_one_record_all_stay,
            }
            standings: {
                every_membership_has_a_standing,
                every_change_of_a_members_record_takes_a_greater_mark,
                a_mark_covers_what_its_answer_shows,
                a_departure_that_is_not_stored_is_no_change,
                the_record_of_the_peer_counts_in_direct_conversations_only,
                an_advance_that_raises_nothing_is_no_change,
                standings_since_a_time_go_by_the_dates_of_changes,
                a_deleted_group_has_no_standing,
                standings_and_marks_survive_a_restart,
                the_newest_revs_of_conversations_come_at_once,
            }
            messages: {
                appends_take_the_next_seq_and_the_next_rev,
                a_message_is_read_as_it_was_written,
                system_messages_of_every_kind_are_read_as_written,
                a_revision_takes_the_next_rev_and_keeps_its_place,
                a_revision_keeps_the_date_of_its_message,
                a_revision_of_an_older_state_is_outdated,
                the_same_message_again_is_a_duplicate,
                a_duplicate_returns_the_message_in_its_present_state,
                a_duplicate_is_found_under_any_fence,
                an_id_belongs_to_its_conversation,
                a_change_under_another_fence_is_outdated,
                a_commit_is_visible_through_every_instance_at_once,
                no_message_is_dated_before_the_one_that_precedes_it,
            }
            batches: {
                a_batch_is_carried_out_in_order,
                a_batch_may_revise_what_it_appended,
                a_batch_serves_many_conversations_each_in_order,
                a_system_message_outdates_later_changes_of_its_batch,
                a_change_that_fails_leaves_the_others_of_its_batch,
            }
            groups: {
                a_group_is_made_with_its_members_and_first_message,
                a_group_that_exists_is_not_made_again,
                a_group_is_made_and_used_in_one_batch,
                a_group_takes_hundreds_of_members,
                a_system_message_and_its_change_are_one_step,
                a_window_begins_with_the_message_about_joining,
                a_returning_member_gets_another_window,
                several_members_change_in_one_step,
                changes_of_members_without_effect_change_nothing,
                a_repeated_system_message_is_not_carried_out_again,
                an_outdated_system_message_is_not_carried_out,
                a_change_after_a_duplicate_needs_the_newest_fence,
                a_call_note_does_not_move_the_fence,
                revisions_do_not_move_the_fence,
            }
            departures: {
                a_former_member_keeps_the_state_at_leaving,
                a_returning_member_has_no_departure,
                a_departure_is_replaced_only_while_it_is_the_last,
                the_state_at_leaving_survives_a_restart,
            }
            succession: {
                an_owner_leaves_and_another_follows_in_one_step,
                a_repeated_succession_is_not_carried_out_again,
                several_system_messages_and_their_change_are_one_step,
                a_change_with_a_known_preceding_message_is_not_carried_out,
            }
            history: {
                history_is_paged_from_the_newest_to_the_first,
                history_is_paged_from_the_first_to_the_newest,
                history_starts_anywhere,
                history_between_two_messages_is_paged_from_the_older_to_the_newer,
                changes_come_once_each_in_order_of_rev,
                changes_begin_after_the_given_rev,
                changes_in_windows_come_whichever_way_is_short,
                unread_counts_skip_system_messages_and_deleted_ones,
                unread_counts_come_in_the_order_of_the_spans,
                unread_counts_follow_deletions_and_nothing_else,
                messages_are_found_by_place_and_by_id,
                an_unknown_or_empty_conversation_has_nothing_to_read,
                announcements_are_the_system_messages_in_order,
                a_window_ends_with_the_message_about_leaving,
            }
            senders: {
                senders_of_a_span_come_each_once,
                only_senders_asked_about_are_named,
                the_newest_message_of_each_sender_is_found,
            }
            message_search: {
                every_term_must_match,
                only_an_unfinished_last_word_finds_longer_ones,
                every_script_and_emoji_is_found,
                operators_of_any_store_are_words,
                an_edited_message_is_found_by_its_present_words,
                deleted_and_system_messages_are_not_found,
                committed_messages_are_found_at_once_and_after_a_restart,
                words_of_any_length_and_number_are_found,
            }
            message_search_order: {
                whole_words_come_before_beginnings_and_bodies_before_names,
                of_equal_scores_the_later_message_comes_first,
                pages_lead_to_the_last_hit_without_repetitions,
                a_page_continues_from_a_hit_that_no_longer_exists,
                only_messages_in_the_windows_are_found,
                other_conversations_are_not_searched,
                a_returning_member_finds_the_messages_of_all_windows,
                hits_are_filtered_by_sender_and_time,
                hundreds_of_conversations_are_searched_at_once,
                a_member_of_hundreds_of_groups_finds_what_they_may_see,
                a_search_whose_time_is_up_is_partial,
            }
            erasure: {
                an_erased_account_leaves_its_name_and_nothing_else,
                an_account_is_erased_only_if_the_expected_hash_is_stored,
                of_concurrent_erasures_of_an_account_one_succeeds,
                concurrent_changes_do_not_bring_back_an_erased_account,
                accounts_are_listed_until_their_erasure_is_finished,
                an_unfinished_erasure_survives_a_restart,
            }
            group_deletion: {
                deleting_a_group_removes_members_and_former_members,
                a_deleted_group_keeps_the_fingerprint_of_its_creation,
                nothing_is_committed_after_the_deletion_of_a_group,
                a_message_sent_during_the_deletion_precedes_it_or_is_not_stored,
                of_concurrent_deletions_of_a_group_one_succeeds,
                a_deleted_group_is_purged_in_parts,
                a_group_may_be_purged_concurrently_and_again,
                only_deleted_groups_are_purged,
                groups_are_listed_until_they_are_purged,
                the_deletion_of_a_group_survives_a_restart,
            }
            media: {
                a_file_is_found_as_stored,
                an_id_of_a_file_is_taken_once_in_any_state,
                of_concurrent_insertions_of_a_file_one_succeeds,
                a_removed_file_is_found_by_nobody,
                the_oldest_live_file_with_the_same_bytes_is_the_sibling,
                files_count_for_their_owner_until_they_are_removed,
                files_are_listed_by_id_to_the_last_page,
                a_file_gets_its_facts_once,
                of_concurrent_results_for_a_file_one_is_stored,
                files_that_are_processing_are_listed_by_id,
                the_time_of_a_scan_only_rises,
                the_time_of_a_check_is_only_lowered,
                files_to_be_checked_come_in_the_order_of_their_times,
                a_file_moves_only_from_the_state_it_is_in,
                of_concurrent_moves_of_a_file_one_succeeds,
                bytes_are_held_while_a_file_has_them,
                bytes_of_a_new_preview_are_held,
                texts_of_files_are_kept_to_the_byte,
                numbers_of_files_are_kept_at_their_limits,
                files_survive_a_restart,
            }
            media_refs: {
                references_are_found_by_their_files,
                the_time_of_a_reference_only_rises,
                holders_of_different_kinds_are_different,
                references_in_a_conversation_are_those_of_its_messages_and_its_own,
                releasing_a_file_schedules_its_check,
                a_reference_that_was_renewed_does_not_expire,
                hundreds_of_references_are_made_and_removed_in_one_call,
                a_reference_made_concurrently_is_one,
                only_a_removed_file_is_forgotten_with_its_references,
                references_survive_a_restart,
            }
            media_handshake: {
                in_every_order_of_the_steps_a_file_found_live_is_kept,
                referring_while_others_remove_keeps_what_was_found_live,
                in_every_order_of_the_steps_bytes_of_a_present_file_may_be_shared,
            }
            uploads: {
                an_upload_is_found_as_it_began,
                an_upload_begins_once,
                of_concurrent_beginnings_of_an_upload_one_succeeds,
                a_part_is_added_at_the_offset_and_is_no_longer_reserved,
                of_concurrent_parts_at_one_offset_one_is_added,
                an_id_is_reserved_until_its_part_is_added_or_it_is_released,
                a_retired_upload_keeps_its_offset_and_reserves_the_ids_of_its_parts,
                uploads_of_which_bytes_are_missing_are_counted_by_owner,
                an_upload_is_ended_once_with_all_its_bytes,
                uploads_expire_in_the_order_of_their_ends,
                uploads_survive_a_restart,
            }
            races: {
                concurrent_appends_are_all_stored_without_gaps,
                two_instances_write_to_the_same_conversations_without_gaps,
                a_message_committed_concurrently_is_stored_once,
                of_concurrent_revisions_of_one_state_one_succeeds,
                of_concurrent_system_messages_under_one_fence_one_succeeds,
                a_system_message_committed_concurrently_is_carried_out_once,
                of_concurrent_creations_under_one_id_one_succeeds,
                no_message_of_a_member_follows_their_removal,
            }
            readers: {
                readers_never_see_a_gap,
                a_roster_is_never_older_than_its_fence,
            }
            restart: {
                accounts_survive_a_restart,
                sessions_and_keys_survive_a_restart,
                conversations_survive_a_restart,
                numbers_go_on_after_a_restart,
                concurrent_commits_survive_a_restart,
                a_closed_store_returns_errors,
            }
            hostile: {
                bodies_are_kept_to_the_byte,
                names_and_titles_are_kept_to_the_byte,
                attachments_and_reactions_are_kept_to_the_byte,
                names_that_differ_in_bytes_are_different,
                credentials_are_found_only_by_the_exact_login,
            }
            value_limits: {
                a_message_may_carry_a_thousand_mentions_and_reactions,
                ids_of_any_bits_are_ids,
                arguments_may_be_any_number,
                numbers_of_63_bits_are_kept,
                times_of_any_age_are_kept,
                a_page_of_the_largest_messages_is_read_whole,
            }
            properties: {
                random_operations_have_the_results_of_a_naive_model,
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
