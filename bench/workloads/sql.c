// SQL in memory: inserts, indexes, joins, aggregates, windows, JSON and text.
// Prints a checksum of all rows of each part. Any argument makes it short.

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

static sqlite3 *database;
static unsigned long long checksum;

static void failIf(int isBad) {
  if (!isBad)
    return;
  fprintf(stderr, "%s\n", sqlite3_errmsg(database));
  exit(1);
}

static int addRow(void *unused, int count, char **values, char **names) {
  (void)unused, (void)names;
  for (int i = 0; i < count; i++)
    for (const char *text = values[i] ? values[i] : "NULL"; *text; text++)
      checksum = (checksum ^ (unsigned char)*text) * 1099511628211u;
  return 0;
}

static void run(const char *sql) { failIf(sqlite3_exec(database, sql, addRow, 0, 0) != SQLITE_OK); }

static void finish(const char *part) {
  printf("%s %016llx\n", part, checksum);
  checksum = 0;
}

static sqlite3_stmt *prepare(const char *sql) {
  sqlite3_stmt *statement;
  failIf(sqlite3_prepare_v2(database, sql, -1, &statement, 0) != SQLITE_OK);
  return statement;
}

static void insertOneByOne(int count) {
  sqlite3_stmt *insert = prepare("INSERT INTO item VALUES(?1, ?2, ?3, ?4)");
  unsigned random = 1;
  for (int i = 0; i < count; i++) {
    random = random * 1664525u + 1013904223u;
    char name[32];
    snprintf(name, sizeof name, "item %u", random >> 12);
    sqlite3_bind_int(insert, 1, i);
    sqlite3_bind_text(insert, 2, name, -1, SQLITE_TRANSIENT);
    sqlite3_bind_double(insert, 3, (random >> 8) / 1000.0);
    sqlite3_bind_int(insert, 4, random % 97);
    failIf(sqlite3_step(insert) != SQLITE_DONE);
    sqlite3_reset(insert);
  }
  sqlite3_finalize(insert);
}

static void lookUpOneByOne(int count) {
  sqlite3_stmt *find = prepare("SELECT price, name FROM item WHERE id = ?1 AND kind < 90");
  for (int i = 0; i < count; i++) {
    sqlite3_bind_int(find, 1, (int)(i * 7919LL % 200000));
    if (sqlite3_step(find) == SQLITE_ROW)
      checksum =
          checksum * 31 + sqlite3_column_bytes(find, 1) + (unsigned)sqlite3_column_double(find, 0);
    sqlite3_reset(find);
  }
  sqlite3_finalize(find);
}

int main(int count, char **arguments) {
  (void)arguments;
  int rows = count > 1 ? 2000 : 200000;
  failIf(sqlite3_open(":memory:", &database) != SQLITE_OK);
  run("CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, price REAL, kind INT);"
      "CREATE TABLE sale(id INTEGER PRIMARY KEY, item INT, buyer INT, amount INT, note TEXT);"
      "BEGIN");
  insertOneByOne(rows);
  run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
      "  WHERE i < (SELECT 2 * count(*) FROM item))"
      "INSERT INTO sale SELECT i, i * 7919 % 200000, i * 31 % 5003, i % 13 + 1,"
      "  'note ' || (i * i % 1009) FROM n;"
      "COMMIT; SELECT count(*), sum(price) FROM item; SELECT sum(amount) FROM sale");
  finish("inserts");

  run("CREATE INDEX sale_item ON sale(item); CREATE INDEX item_kind ON item(kind, name);"
      "SELECT name FROM item WHERE kind = 5 ORDER BY name LIMIT 500");
  lookUpOneByOne(5 * rows);
  finish("indexes");

  run("SELECT kind, count(*), sum(amount * price) FROM sale JOIN item ON item.id = sale.item"
      "  GROUP BY kind ORDER BY 3;"
      "SELECT a.buyer, count(DISTINCT b.item) FROM sale a JOIN sale b ON a.item = b.item + 1"
      "  WHERE a.buyer < 4000 GROUP BY a.buyer HAVING count(*) > 3");
  finish("joins");

  run("SELECT item, total, rank() OVER (ORDER BY total DESC), avg(total) OVER"
      "  (ORDER BY item ROWS BETWEEN 5 PRECEDING AND 5 FOLLOWING), lag(total, 2) OVER"
      "  (PARTITION BY item % 100 ORDER BY total, item) FROM"
      "  (SELECT item, sum(amount) AS total FROM sale WHERE item < 80000 GROUP BY item)");
  finish("windows");

  run("CREATE TABLE doc AS SELECT json_object('id', id, 'name', name, 'tags',"
      "  json_array(kind, price, 'x' || kind)) AS body FROM item WHERE id < 60000;"
      "SELECT sum(json_extract(body, '$.tags[0]')), max(body ->> '$.name') FROM doc;"
      "SELECT count(*), sum(length(value)) FROM doc, json_each(doc.body, '$.tags')");
  finish("json");

  run("SELECT upper(substr(name, 6)), replace(note, '1', 'one') FROM sale JOIN item"
      "  ON item.id = sale.item WHERE name LIKE '%77%' OR note GLOB '*9[0-3]' ORDER BY 1, 2;"
      "SELECT printf('%08.3f|%x|%s', price, kind, name) FROM item WHERE id % 3 = 0");
  finish("text");

  run("BEGIN; UPDATE sale SET amount = amount + 1, note = note || '!' WHERE item % 3 = 0;"
      "DELETE FROM sale WHERE buyer % 7 = 2; UPDATE item SET kind = kind + 1 WHERE id % 5 = 1;"
      "COMMIT; SELECT sum(amount), sum(length(note)) FROM sale; SELECT sum(kind) FROM item");
  finish("changes");
  return sqlite3_close(database) != SQLITE_OK;
}
