-- What each user has sent in a conversation: the newest of it, or whether there is any in a range.
CREATE INDEX messages_by_sender ON messages (conversation_id, sender_id, seq) WHERE system IS NULL;

-- The newest of these is the conversation's fence. A call changes neither members nor roles, so its message is not one.
DROP INDEX messages_system;
CREATE INDEX messages_fence ON messages (conversation_id, seq)
    WHERE system IS NOT NULL AND system ->> 'type' <> 'call';
