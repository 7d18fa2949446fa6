-- Users whom a prefix finds are read in this order, a page at a time.
DROP INDEX users_by_display_name;

CREATE INDEX users_by_display_name ON users (display_name_folded, username);
