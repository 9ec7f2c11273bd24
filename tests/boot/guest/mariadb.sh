# What is different with MariaDB.
package=dbagent-mysql unit=mariadb.service server_user=mysql server=/usr/sbin/mariadbd
parameter_with_restart=back_log

# for a user of the machine who has nothing to do with either
client_credentials() { # USER PASSWORD
  install -m 0600 -o nobody /dev/null "secrets/$1.cnf"
  printf '[client]\nhost=127.0.0.1\nport=3306\nuser=%s\npassword="%s"\n' "$1" "$2" >"secrets/$1.cnf"
}
# Over TCP; statements on standard input.
sql() { # USER DATABASE
  as nobody timeout 60 mariadb "--defaults-extra-file=/boot-test/secrets/$1.cnf" --protocol=tcp --batch --skip-column-names "$2"
}
bulk_statements="CREATE TABLE bulk (id INT PRIMARY KEY, filler VARCHAR(300) NOT NULL);
INSERT INTO bulk SELECT seq, concat(sha2(seq, 512), sha2(-seq, 512)) FROM seq_1_to_60000;"
fingerprint_statement="SELECT count(*), sum(crc32(filler)) FROM bulk;"
# What a superuser of a tenant's would try, to read a file and to write one, as the server.
read_file() { sql root mysql <<<"SELECT coalesce(load_file('$1'), 'nothing');"; } # PATH
write_file() { sql root mysql <<<"SELECT 'x' INTO OUTFILE '$1';"; } # PATH
