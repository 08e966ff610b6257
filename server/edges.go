package server

import (
	"context"
	"database/sql"
	"encoding/json"
)

// serializedEdge is an edge as Prefect serialises it, as far as the backend reads it.
type serializedEdge struct {
	Upstream   slug    `json:"upstream_task"`
	Downstream slug    `json:"downstream_task"`
	Key        *string `json:"key"`
	Mapped     bool    `json:"mapped"`
}

// insertEdges adds edges to a flow; those that it has stay as they are. Then it works out what the edges say about the
// tasks. Server leaves that out; nothing that reads it can tell the difference but for the better.
func insertEdges(ctx context.Context, tx *writeTx, flow string, tenant sql.NullString, edges []serializedEdge, reference []slug) error {
	tasks := map[slug]string{}
	err := tx.each(ctx, "SELECT slug, id FROM task WHERE flow_id = ?", []any{flow}, func(scan func(...any) error) error {
		var taskSlug, taskID string
		err := scan(&taskSlug, &taskID)
		tasks[slug(taskSlug)] = taskID
		return err
	})
	if err != nil {
		return err
	}
	for _, e := range edges {
		upstream, downstream := tasks[e.Upstream], tasks[e.Downstream]
		if upstream == "" || downstream == "" {
			return refuse("Edges could not be registered: some edges reference tasks that do not exist in this flow.")
		}
		edgeID, err := newID()
		if err != nil {
			return err
		}
		_, err = tx.exec(ctx, `INSERT INTO edge (id, created, updated, tenant_id, flow_id, upstream_task_id, downstream_task_id, key, mapped)
			VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING`,
			edgeID, tx.stamp(), tenant, flow, upstream, downstream, e.Key, e.Mapped)
		if err != nil {
			return err
		}
	}
	return describeTasks(ctx, tx, flow, reference)
}

// describeTasks works out what the edges of a flow say about its tasks. Its reference tasks are the last ones, unless
// it names some.
func describeTasks(ctx context.Context, tx *writeTx, flow string, reference []slug) error {
	_, err := tx.exec(ctx, `UPDATE task SET updated = ?1,
			mapped = EXISTS (SELECT 1 FROM edge WHERE downstream_task_id = task.id AND edge.mapped),
			is_root_task = NOT EXISTS (SELECT 1 FROM edge WHERE downstream_task_id = task.id),
			is_terminal_task = NOT EXISTS (SELECT 1 FROM edge WHERE upstream_task_id = task.id),
			is_reference_task = ?2 AND NOT EXISTS (SELECT 1 FROM edge WHERE upstream_task_id = task.id)
		WHERE flow_id = ?3`, tx.stamp(), len(reference) == 0, flow)
	if err != nil {
		return err
	}
	for _, task := range reference {
		if _, err := tx.exec(ctx, "UPDATE task SET is_reference_task = TRUE WHERE flow_id = ? AND slug = ?", flow, string(task)); err != nil {
			return err
		}
	}
	return nil
}

type registerEdgesInput struct {
	FlowID id                    `json:"flow_id"`
	Edges  list[json.RawMessage] `json:"serialized_edges"`
}

// registerEdges adds edges to a flow that was registered without them, in batches. They are added to its serialised
// form as well. To register an edge twice does no harm.
func registerEdges(ctx context.Context, tx *writeTx, input registerEdgesInput) (payload, error) {
	edges := make([]serializedEdge, len(input.Edges))
	for i, raw := range input.Edges {
		if err := json.Unmarshal(raw, &edges[i]); err != nil {
			return nil, refuse("An edge cannot be read: %v", err)
		}
	}
	tenant, serialized, err := registeredFlow(ctx, tx, input.FlowID)
	if err != nil {
		return nil, err
	}
	var reference []slug
	if raw := serialized.get("reference_tasks"); raw != nil {
		if err := json.Unmarshal(raw, &reference); err != nil {
			return nil, refuse("The reference tasks of the flow cannot be read: %v", err)
		}
	}
	if err := insertEdges(ctx, tx, string(input.FlowID), tenant, edges, reference); err != nil {
		return nil, err
	}
	keyOf := func(raw json.RawMessage) string {
		var e serializedEdge
		if json.Unmarshal(raw, &e) != nil {
			return ""
		}
		key := ""
		if e.Key != nil {
			key = *e.Key
		}
		return string(e.Upstream) + "\n" + string(e.Downstream) + "\n" + key
	}
	return payload{"success": true}, extend(ctx, tx, input.FlowID, serialized, "edges", input.Edges, keyOf)
}
