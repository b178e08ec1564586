BEGIN;
INSERT INTO leases (name, owner, token) VALUES ('writer', 'pid 1', 7);
INSERT INTO projects (id, uid, name, root, base, trusted, held, created_at)
VALUES (1, '00000000000000000000000000000001', 'shop', '/src/shop', 'main', 'base = "main"', 0, 1700000000000);
INSERT INTO initiatives (id, uid, project_id, slug, title, body, base, max_agents, agent, budget, status, adhoc, cut, tip, lane_held, open_tasks, created_at, started_at, ended_at)
VALUES (1, '00000000000000000000000000000002', 1, 'accounts', 'Accounts', 'Users can sign in.', 'trunk', 3, 'claude', 20000000, 'active', 0, 1, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'it moved', 1, 1700000000000, 1700000000001, 1700000000010);
INSERT INTO phases (id, initiative_id, slug, title, body, after, position, open_tasks)
VALUES (1, 1, 'storage', 'Storage', '', NULL, 1, 0), (2, 1, 'api', 'API', '', '["storage"]', 2, 1);
INSERT INTO plans (id, initiative_id, phase_id, slug, title, body, after, position, open_tasks)
VALUES (1, 1, 1, 'tables', 'Tables', '', '[]', 1, 0);
INSERT INTO tasks (id, initiative_id, phase_id, plan_id, position, slug, title, prompt, after, kind, asks_agent, model, priority, touches, verify, review, budget, timeout, max_attempts, state, state_until, merged_commit, blockers, failures, attempts, bounces, agent_id, approved, summary, error, unchanged, started_at, ended_at)
VALUES (1, 1, 1, 1, 1, 'users-table', 'Users table', 'Create it.', NULL, 'work', 'mine', 'large', 'normal', '["src/**"]', '["cargo test"]', 'none', 5000000, 1800, 6, 'merged', NULL, 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 2, 3, 4, 5, 1, 1, 'made it', 'it had failed', 0, 1700000000002, 1700000000009);
INSERT INTO needs (id) VALUES (1);
INSERT INTO dependencies (task_id, position, node_kind, node_id) VALUES (1, 0, 'phase', 2);
INSERT INTO agents (id, project_id, initiative_id, task_id, name, config, kind, session, begun, worktree, housed, base, head, token, stopped, activity, turns, cost, tokens, started_at, last_output_at)
VALUES (1, 1, 1, 1, 'gastown', 'mine', 'claude', 's', 1, 'shop/gastown', 0, 'dddddddddddddddddddddddddddddddddddddddd', 'eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee', 't', 0, 'reading', 7, 1000, 10, 1700000000002, 1700000000008);
INSERT INTO turns (id, agent_id, task_id, kind, number, state, verdict, verdict_why, verdict_fatal, verdict_until, prompt, merge_id, resumes, stop, pid, read_out, read_err, cost, tokens, queued_at, started_at, ended_at)
VALUES (1, 1, 1, 'retry', 3, 'ended', 'failed', 'no such model', 1, NULL, 'Create it.', 1, 0, 'stalled', 4242, 11, 12, 1300, 14, 1700000000002, 1700000000003, 1700000000004);
INSERT INTO messages (id, project_id, task_id, kind, from_kind, from_agent, to_kind, to_agent, body, options, status, answer, delivered, about, created_at, answered_at)
VALUES (1, 1, 1, 'question', 'agent', 1, 'user', NULL, 'Which hash?', '["argon2","bcrypt"]', 'answered', 'argon2', 0, 'bounces', 1700000000003, 1700000000004);
INSERT INTO merges (id, initiative_id, task_id, agent_id, attempt, state, head, base, result, conflicts, gate_command, gate_passed, gate_code, gate_output, queued_at, ended_at)
VALUES (1, 1, 1, 1, 9, 'gate-failed', 'cccccccccccccccccccccccccccccccccccccccc', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'ffffffffffffffffffffffffffffffffffffffff', '["a.rs"]', 'cargo test', 0, 101, 'failed', 1700000000005, 1700000000007);
INSERT INTO effects (id, kind, subject, tries, not_before) VALUES (1, 'land-merge', 1, 2, 1700000000006);
INSERT INTO events (seq, at, type, project, initiative, task, agent, data)
VALUES (1, 1700000000000, 'project.registered', 'shop', NULL, NULL, NULL, '{"root":"/src/shop"}');
COMMIT;
