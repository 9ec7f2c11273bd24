-- What both products have. Follows: hard_schema_mariadb.sql or hard_schema_mysql.sql.
SET NAMES utf8mb4;
CREATE DATABASE hard CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE DATABASE `häRd 2 "q'%_` CHARACTER SET latin1 COLLATE latin1_german2_ci;
CREATE DATABASE `select`;
CREATE DATABASE empty_one CHARACTER SET koi8r;
USE hard;

-- every byte, every length's edge, every temporal fraction
CREATE TABLE bytes (n int PRIMARY KEY, b binary(4), v varbinary(300), t tinyblob, m mediumblob, l longblob);
INSERT INTO bytes VALUES (1, x'00', x'', x'00ff', NULL, REPEAT(x'00275c220a0d1a', 5000));
INSERT INTO bytes VALUES (2, x'01000200', CONCAT(
  x'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f',
  x'404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f',
  x'808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf',
  x'c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff'),
  NULL, x'0a', NULL);
CREATE TABLE numbers (n int PRIMARY KEY AUTO_INCREMENT, b1 bit(1), b64 bit(64), d decimal(65,30), d0 decimal(20,0) UNSIGNED,
  f float, g double, big bigint UNSIGNED, small tinyint, z int ZEROFILL, y year) AUTO_INCREMENT = 1000;
INSERT INTO numbers VALUES (-5, b'1', b'1111111111111111111111111111111111111111111111111111111111111111',
  99999999999999999999999999999999999.999999999999999999999999999999, 18446744073709551616, 1.5e-38, 1.7976931348623157e308,
  18446744073709551615, -128, 42, 2155);
INSERT INTO numbers VALUES (NULL, b'0', b'0', -0.000000000000000000000000000001, 0, -0.0, 2.2250738585072014e-308, 0, 127, 0, 1901);
INSERT INTO numbers VALUES (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE times (n int PRIMARY KEY, d date, t6 time(6), dt6 datetime(6), ts3 timestamp(3) NULL, up timestamp(6) NULL
  DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6));
SET time_zone = '+03:30';
INSERT INTO times VALUES (1, '1000-01-01', '-838:59:58.999999', '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07.123',
  '2001-02-03 04:05:06.789012'), (2, '9999-12-31', '00:00:00.000001', '1000-01-01 00:00:00.000001', NULL, NULL);
SET time_zone = DEFAULT;

CREATE TABLE kinds (id int PRIMARY KEY COMMENT 'quote '' back \\ tick ` emoji 🐘', e enum('a''b', 'ünï', '日本', ''),
  s set('x', 'y y', 'z"z'), j json, CHECK (id > 0), CONSTRAINT `odd check` CHECK (s <> 'x,y y'))
  COMMENT = 'a table''s comment; with \\ and "quotes" 🐘';
INSERT INTO kinds VALUES (1, 'a''b', 'x,z"z', '{"a": [1, 2.5, null, "\\u00fc", {"b": "\\"quoted\\" \\\\ back"}]}'),
  (2, '', '', '"text"'), (3, NULL, NULL, NULL), (4, '日本', 'y y', '[]');
CREATE TABLE derived (id int PRIMARY KEY, w varchar(20), up varchar(20) AS (UPPER(w)) STORED,
  len int AS (CHAR_LENGTH(w)) VIRTUAL COMMENT 'virtual', KEY by_len (len), KEY prefix (w(3) DESC));
INSERT INTO derived (id, w) VALUES (1, 'straße'), (2, NULL), (3, '');

-- foreign keys: cycles, to itself, composite, other database, every action
CREATE TABLE parents (a int, b varchar(10), up int, PRIMARY KEY (a, b), KEY (up), UNIQUE KEY (a));
CREATE TABLE children (id int PRIMARY KEY, a int, b varchar(10), me int,
  CONSTRAINT `to parents` FOREIGN KEY (a, b) REFERENCES parents (a, b) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT `to me` FOREIGN KEY (me) REFERENCES children (id) ON DELETE SET NULL);
ALTER TABLE parents ADD CONSTRAINT cycle FOREIGN KEY (up) REFERENCES children (id) ON DELETE RESTRICT;
INSERT INTO parents VALUES (1, 'x', NULL), (2, 'y', NULL);
INSERT INTO children VALUES (1, 1, 'x', NULL), (2, 2, 'y', 1);
UPDATE parents SET up = 2 WHERE a = 1;

CREATE TABLE ft (id int PRIMARY KEY, t text, u varchar(100), FULLTEXT KEY words (t, u), FULLTEXT KEY (u));
INSERT INTO ft VALUES (1, 'the quick brown fox', 'jumps'), (2, 'over the lazy dog', 'Füchse');
CREATE TABLE many (n int PRIMARY KEY, t varchar(200), KEY (t));
INSERT INTO many WITH RECURSIVE s AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM s WHERE i < 900) SELECT i, SHA2(i, 512) FROM s;
CREATE TABLE squeezed (n int PRIMARY KEY, t longtext) ROW_FORMAT = COMPRESSED KEY_BLOCK_SIZE = 8;
INSERT INTO squeezed VALUES (1, REPEAT('squeeze ', 20000));
CREATE TABLE redundant (n int PRIMARY KEY, t char(255)) ROW_FORMAT = REDUNDANT;
INSERT INTO redundant VALUES (1, 'x');
CREATE TABLE no_rows (n int PRIMARY KEY AUTO_INCREMENT) AUTO_INCREMENT = 77;

-- partitions
CREATE TABLE by_range (n int, d date) PARTITION BY RANGE (YEAR(d)) SUBPARTITION BY HASH (n) SUBPARTITIONS 2
  (PARTITION p0 VALUES LESS THAN (2000) COMMENT 'old', PARTITION `p 1` VALUES LESS THAN MAXVALUE);
INSERT INTO by_range VALUES (1, '1999-01-01'), (2, '2020-01-01'), (3, NULL);
CREATE TABLE by_list (c char(1) COLLATE utf8mb4_bin) PARTITION BY LIST COLUMNS (c)
  (PARTITION pa VALUES IN ('a', 'ä'), PARTITION pb VALUES IN ('b', NULL));
INSERT INTO by_list VALUES ('a'), ('ä'), (NULL);
CREATE TABLE by_key (k varchar(20) PRIMARY KEY) PARTITION BY KEY (k) PARTITIONS 5;
INSERT INTO by_key VALUES ('one'), ('two'), ('three');

-- odd names
CREATE TABLE `a ``b" 'c' %_;\\ -- /* x` (`select` int, `col ``"'` varchar(10) DEFAULT 'it''s \\ "', `ключ` int, PRIMARY KEY (`select`),
  KEY `key ``k` (`ключ`));
INSERT INTO `a ``b" 'c' %_;\\ -- /* x` VALUES (1, DEFAULT, 2);
CREATE TABLE `日本語テーブル` (`列` text);
INSERT INTO `日本語テーブル` VALUES ('表 🐘');
CREATE TABLE `table` (`from` int, `where` int);
INSERT INTO `table` VALUES (1, 2);
CREATE TABLE `häRd 2 "q'%_`.`tÄble` (t varchar(30));
INSERT INTO `häRd 2 "q'%_`.`tÄble` VALUES ('grün');

-- views upon views, on another database, with a name that sorts before what it needs
CREATE VIEW a_first AS SELECT n, UPPER(t) AS `big T` FROM many WHERE n < 10 WITH CASCADED CHECK OPTION;
CREATE ALGORITHM = MERGE SQL SECURITY INVOKER VIEW `0 before` AS SELECT v.`big T`, x.t FROM a_first v, `häRd 2 "q'%_`.`tÄble` x;
DELIMITER ;;
CREATE FUNCTION twice(i int) RETURNS int DETERMINISTIC NO SQL SQL SECURITY INVOKER COMMENT 'it''s 2 × i' RETURN i * 2;;
CREATE FUNCTION `with ``ticks`(s varchar(10) CHARACTER SET latin1) RETURNS text CHARSET utf8mb4 READS SQL DATA
BEGIN
  -- a comment; with a semicolon
  RETURN CONCAT(s, '\\', "'", ';', 'ü🐘');
END;;
CREATE PROCEDURE `say it`(IN a int, OUT b int, INOUT c varchar(5)) MODIFIES SQL DATA
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION SET b = -1;
  DELETE FROM no_rows WHERE n = a;
  SELECT twice(a) INTO b;
END;;
SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES';;
CREATE PROCEDURE "ansi"() SELECT 'a' || 'b\' AS "c";;
SET sql_mode = DEFAULT;;
CREATE TRIGGER t1 BEFORE INSERT ON numbers FOR EACH ROW SET NEW.small = COALESCE(NEW.small, 1);;
CREATE TRIGGER t2 BEFORE INSERT ON numbers FOR EACH ROW FOLLOWS t1 BEGIN SET NEW.z = NEW.small; END;;
CREATE TRIGGER `trigger ``x` AFTER DELETE ON kinds FOR EACH ROW BEGIN INSERT INTO no_rows VALUES (); DELETE FROM no_rows; END;;
SET time_zone = 'SYSTEM';;
CREATE EVENT hourly ON SCHEDULE EVERY '1:30' HOUR_MINUTE STARTS '2035-01-01 00:00:00' ENDS '2036-01-01 00:00:00'
  ON COMPLETION PRESERVE DISABLE COMMENT 'ev''ent 🐘' DO BEGIN SELECT 1; SELECT ';'; END;;
SET time_zone = '+05:45';;
CREATE EVENT `once ``more` ON SCHEDULE AT '2035-06-01 00:00:00' DO SELECT "x";;
SET time_zone = DEFAULT;;

-- one table for each character set, with all that it can hold of a text of many scripts
SET sql_mode = '';;
CREATE PROCEDURE make_character_sets()
BEGIN
  DECLARE done int DEFAULT 0;
  DECLARE cs varchar(64);
  DECLARE every CURSOR FOR SELECT character_set_name FROM information_schema.character_sets WHERE character_set_name NOT IN ('filename')
    ORDER BY 1;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET done = 1;
  OPEN every;
  every_one: LOOP
    FETCH every INTO cs;
    IF done THEN LEAVE every_one; END IF;
    SET @sql = CONCAT('CREATE TABLE `charset ', cs, '` (id int PRIMARY KEY, t text CHARACTER SET ', cs, ', c char(30) CHARACTER SET ',
      cs, ', KEY (c)) CHARACTER SET ', cs);
    PREPARE s FROM @sql;
    EXECUTE s;
    SET @sql = CONCAT('INSERT INTO `charset ', cs, '` VALUES (1, CONVERT(''a\\\\b''''c ÄÖÜß éèê жий ελ שלום عرب ไทย 日本語 漢字 한국 🐘 €'' USING ', cs,
      '), ''plain''), (2, '''', NULL)');
    PREPARE s FROM @sql;
    EXECUTE s;
  END LOOP;
  CLOSE every;
END;;
SET sql_mode = DEFAULT;;
DELIMITER ;
CALL make_character_sets();
