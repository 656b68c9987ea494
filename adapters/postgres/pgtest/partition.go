package pgtest

import "strings"

// Partitions is into how many partitions Partition divides each table of rooms.
const Partitions = "4"

// partition divides each table whose primary key begins with the room: as an engine would do that
// distributes tables by room_id. All are divided alike, so that a room is in partitions of the same
// number. What was only for releases before that is dropped, as a view of a table keeps it from
// being made anew.
var partition = strings.ReplaceAll(`
DO $$
DECLARE
  name text;
BEGIN
  DROP VIEW used_key;
  DROP FUNCTION used_key_insert;
  FOR name IN
    SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
    WHERE i.indisprimary AND a.attname = 'room_id' AND c.relnamespace = 'public'::regnamespace
  LOOP
    EXECUTE format('ALTER TABLE %I RENAME TO %I', name, name || '_whole');
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL) PARTITION BY HASH (room_id)', name, name || '_whole');
    FOR n IN 0..{n} - 1 LOOP
      EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES WITH (MODULUS {n}, REMAINDER %s)', name || '_' || n, name, n);
    END LOOP;
    EXECUTE format('INSERT INTO %I SELECT * FROM %I', name, name || '_whole');
    EXECUTE format('DROP TABLE %I', name || '_whole');
  END LOOP;
END $$`, "{n}", Partitions)

// Partition divides the tables of rooms of a migrated database by a hash of room_id. Nobody may be
// connected to it.
func Partition(database string) error { return execute(database, partition) }

// Distributed returns a database's URL as that of a store whose tables are distributed.
func Distributed(database string) string {
	if strings.Contains(database, "?") {
		return database + "&engine=distributed"
	}
	return database + "?engine=distributed"
}
