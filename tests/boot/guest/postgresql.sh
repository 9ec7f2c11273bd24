# What is different with PostgreSQL.
package=dbagent-postgresql unit=postgresql@15-main.service server_user=postgres server=/usr/lib/postgresql/15/bin/postgres
parameter_with_restart=max_connections

client_credentials() { # USER PASSWORD
  install -m 0600 -o nobody /dev/null "secrets/$1.pass"
  printf '*:*:*:%s:%s\n' "$1" "$2" >"secrets/$1.pass"
}
sql() { # USER DATABASE
  as nobody timeout 60 /usr/lib/postgresql/15/bin/psql -X -q -A -t -v ON_ERROR_STOP=1 \
    "host=127.0.0.1 port=5432 user=$1 dbname=$2 passfile=/boot-test/secrets/$1.pass"
}
bulk_statements="CREATE TABLE bulk (id INT PRIMARY KEY, filler VARCHAR(300) NOT NULL);
INSERT INTO bulk SELECT n, encode(sha512(n::text::bytea), 'hex') || encode(sha512((-n)::text::bytea), 'hex') FROM generate_series(1, 60000) AS n;"
fingerprint_statement="SELECT count(*), md5(string_agg(filler, '' ORDER BY id)) FROM bulk;"
read_file() { sql root postgres <<<"CREATE TEMP TABLE found (line text); COPY found FROM PROGRAM 'cat $1 2>&1 || true'; SELECT * FROM found;"; } # PATH
write_file() { sql root postgres <<<"COPY (SELECT 'x') TO '$1';"; } # PATH
