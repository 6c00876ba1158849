-- Who may do what to the index on PostgreSQL. Run it as the tables' owner (the login that runs
-- `overt-sink index upgrade`, with CREATEROLE the first time), again after every upgrade; it may be
-- run any number of times. The roles cannot log in: give each process a login of its own,
--   CREATE ROLE sink_1 LOGIN PASSWORD '...' IN ROLE overt_sink;
-- and let nobody but the owner be in two of them.
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['overt_sink', 'overt_authority', 'overt_mover', 'overt_eraser',
                                'overt_holder', 'overt_verifier']
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', name);
        END IF;
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA public FROM %I', name);
    END LOOP;
END $$;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;

-- The sink adds to the chain. It changes and deletes nothing. Into gone go the blanked offsets of an
-- object that it adopts because the index was lost.
GRANT SELECT, INSERT ON links, objects, runs TO overt_sink;
GRANT INSERT ON gone TO overt_sink;
GRANT SELECT, UPDATE ON sink_cursor TO overt_sink;

-- The authority reads which bytes are whose. Holds, moves and the ledger are not its business.
GRANT SELECT ON objects, runs TO overt_authority;

-- The mover puts the same records elsewhere.
GRANT SELECT ON links, gone, holds TO overt_mover;
GRANT SELECT, INSERT, UPDATE, DELETE ON objects, runs, moves, move_runs TO overt_mover;

-- The eraser (erase-day, retention) takes records away and says that they are gone. It creates no
-- run, and it cannot lift a hold.
GRANT SELECT ON links, objects, runs, gone, holds, moves, move_runs TO overt_eraser;
GRANT UPDATE (records, bytes, sha256) ON objects TO overt_eraser;
GRANT UPDATE (superseded_ms) ON runs TO overt_eraser;
GRANT DELETE ON objects, runs TO overt_eraser;
GRANT INSERT, UPDATE, DELETE ON gone TO overt_eraser;
GRANT UPDATE, DELETE ON moves, move_runs TO overt_eraser;

-- Who places and lifts holds does nothing else.
GRANT SELECT, INSERT, DELETE ON holds TO overt_holder;

-- The verifier (verify, gaps, reconcile, tiers, publish) sees everything and changes nothing.
GRANT SELECT ON links, objects, runs, gone, holds, moves, move_runs, sink_cursor TO overt_verifier;

-- Each asks at its start whether the tables are of its version.
GRANT SELECT ON alembic_version
    TO overt_sink, overt_mover, overt_eraser, overt_holder, overt_verifier;
