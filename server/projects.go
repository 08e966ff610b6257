package server

import (
	"context"
)

type createProjectInput struct {
	TenantID    id      `json:"tenant_id"`
	Name        string  `json:"name"`
	Description *string `json:"description"`
}

// createProject fails with "Uniqueness violation." for a name that the tenant has already: Prefect's client looks
// for exactly that text.
func createProject(ctx context.Context, tx *writeTx, input createProjectInput) (payload, error) {
	project, err := newID()
	if err != nil {
		return nil, err
	}
	now := tx.stamp()
	_, err = tx.exec(ctx, "INSERT INTO project (id, created, updated, tenant_id, name, description) VALUES (?, ?, ?, ?, ?, ?)",
		project, now, now, input.TenantID, input.Name, input.Description)
	return payload{"id": project}, err
}

type deleteProjectInput struct {
	ProjectID id `json:"project_id"`
}

func deleteProject(ctx context.Context, tx *writeTx, input deleteProjectInput) (payload, error) {
	deleted, err := tx.exec(ctx, "DELETE FROM project WHERE id = ?", input.ProjectID)
	return success(deleted), err
}

type setProjectNameInput struct {
	ProjectID id     `json:"project_id"`
	Name      string `json:"name"`
}

func setProjectName(ctx context.Context, tx *writeTx, input setProjectNameInput) (payload, error) {
	changed, err := tx.exec(ctx, "UPDATE project SET name = ?, updated = ? WHERE id = ?", input.Name, tx.stamp(), input.ProjectID)
	return updatedProject(input.ProjectID, changed, err)
}

type setProjectDescriptionInput struct {
	ProjectID   id      `json:"project_id"`
	Description *string `json:"description"`
}

func setProjectDescription(ctx context.Context, tx *writeTx, input setProjectDescriptionInput) (payload, error) {
	changed, err := tx.exec(ctx, "UPDATE project SET description = ?, updated = ? WHERE id = ?", input.Description, tx.stamp(), input.ProjectID)
	return updatedProject(input.ProjectID, changed, err)
}

func updatedProject(project id, changed int64, err error) (payload, error) {
	if err == nil && changed == 0 {
		err = refuse("Update failed")
	}
	return payload{"id": project}, err
}
