CREATE TABLE places (id int PRIMARY KEY, g geometry NOT NULL SRID 0, p point SRID 4326, poly polygon, SPATIAL KEY (g));
INSERT INTO places VALUES (1, POINT(1.5, -2.25), ST_GeomFromText('POINT(50 10)', 4326),
  ST_GeomFromText('POLYGON((0 0,0 3,3 3,3 0,0 0),(1 1,1 2,2 2,2 1,1 1))')),
  (2, ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))'), NULL, NULL);
CREATE TABLE modern (id int PRIMARY KEY, h int INVISIBLE DEFAULT 5, j json, e int DEFAULT (1 + 2), t varchar(50),
  KEY multi ((CAST(j->'$.tags' AS UNSIGNED ARRAY))), KEY expression ((LOWER(t))), KEY unseen (t) INVISIBLE,
  CONSTRAINT off CHECK (id < 0) NOT ENFORCED);
INSERT INTO modern (id, j, t) VALUES (1, '{"tags": [1, 2, 3]}', 'Text'), (2, NULL, NULL);
CREATE TABLE squeezed_pages (n int PRIMARY KEY, t longtext) COMPRESSION = 'zlib';
INSERT INTO squeezed_pages VALUES (1, REPEAT('page ', 50000));
CREATE TABLESPACE `general one` ADD DATAFILE 'general_one.ibd';
CREATE TABLE in_general (n int PRIMARY KEY, t text) TABLESPACE `general one`;
INSERT INTO in_general VALUES (1, 'general');
CREATE TABLE later (a int PRIMARY KEY);
INSERT INTO later VALUES (1);
ALTER TABLE later ADD COLUMN b varchar(10) DEFAULT 'added' FIRST, ALGORITHM = INSTANT;
INSERT INTO later VALUES ('x', 2);
ALTER TABLE later DROP COLUMN b, ALGORITHM = INSTANT;

-- accounts
CREATE ROLE reader, `role ``2`@`localhost`;
GRANT SELECT ON hard.* TO reader;
GRANT reader TO `role ``2`@`localhost` WITH ADMIN OPTION;
CREATE USER app@'%' IDENTIFIED BY 'pw' REQUIRE SSL
  WITH MAX_QUERIES_PER_HOUR 10 MAX_USER_CONNECTIONS 3 FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 2 COMMENT 'an ''app''';
CREATE USER 'locked ''q'@'10.0.0.0/255.0.0.0' IDENTIFIED BY 'pw' PASSWORD EXPIRE INTERVAL 90 DAY PASSWORD HISTORY 5 ACCOUNT LOCK;
CREATE USER certified@localhost IDENTIFIED BY 'pw' REQUIRE ISSUER '/CN=x' SUBJECT '/CN=y' CIPHER 'z' ATTRIBUTE '{"team": "ü"}';
GRANT reader TO app@'%';
GRANT `role ``2`@`localhost` TO app@'%' WITH ADMIN OPTION;
SET DEFAULT ROLE reader TO app@'%';
GRANT ALL PRIVILEGES ON `häRd 2 "q'\%\_`.* TO app@'%' WITH GRANT OPTION;
GRANT SELECT, INSERT ON hard.many TO app@'%';
GRANT SELECT (id, `w`), UPDATE (w) ON hard.derived TO 'locked ''q'@'10.0.0.0/255.0.0.0';
GRANT EXECUTE ON FUNCTION hard.twice TO app@'%';
GRANT EXECUTE, ALTER ROUTINE ON PROCEDURE hard.`say it` TO app@'%' WITH GRANT OPTION;
GRANT PROCESS, RELOAD, BACKUP_ADMIN ON *.* TO certified@localhost;
