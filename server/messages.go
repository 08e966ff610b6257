package server

import (
	"context"
	"encoding/json"
)

// insertMessage leaves a message for the people of a tenant, who read it through the API.
func insertMessage(ctx context.Context, tx *writeTx, tenant, kind string, content json.RawMessage) error {
	message, err := newID()
	if err != nil {
		return err
	}
	now := tx.stamp()
	_, err = tx.exec(ctx, "INSERT INTO message (id, created, updated, tenant_id, type, content) VALUES (?, ?, ?, ?, ?, ?)",
		message, now, now, tenant, kind, string(content))
	return err
}

type messageInput struct {
	MessageID id `json:"message_id"`
}

func markMessageAsRead(ctx context.Context, tx *writeTx, input messageInput) (payload, error) {
	return setMessageRead(ctx, tx, input, true)
}

func markMessageAsUnread(ctx context.Context, tx *writeTx, input messageInput) (payload, error) {
	return setMessageRead(ctx, tx, input, false)
}

func setMessageRead(ctx context.Context, tx *writeTx, input messageInput, read bool) (payload, error) {
	changed, err := tx.exec(ctx, `UPDATE message SET "read" = ?, updated = ? WHERE id = ?`, read, tx.stamp(), input.MessageID)
	return success(changed), err
}

func deleteMessage(ctx context.Context, tx *writeTx, input messageInput) (payload, error) {
	deleted, err := tx.exec(ctx, "DELETE FROM message WHERE id = ?", input.MessageID)
	return success(deleted), err
}
