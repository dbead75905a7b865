/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_DISKS_H
#define NXT_AGENT_DISKS_H

#include <limits.h>
#include <stdint.h>

#include "common/error.h"
#include "pc/agent/state.h"

/*
 * A workspace's disks: overlays, snapshots, user disk. A system disk is a chain of files, from the sealed
 * version at the bottom to the one overlay that the guest writes; a snapshot names an overlay that nobody
 * writes any more. Going anywhere is making an empty overlay on the right one and pointing to it, in one
 * transaction: nothing is ever copied back.
 *
 * A row of `overlays` is written before its file is made, and removed after it: so a file that no row
 * stands for, or a row that nothing needs, is rubbish, whenever the power fails.
 */

/*
 * Files in a chain, the version not counted: as many as a policy may keep snapshots, and some more that
 * wait to be merged (ops_merge.c). Each one slows reading a little.
 */
#define DISKS_DEPTH_MAX 128

/* Where an overlay or the user disk lies, below the state directory. */
void disks_overlay_path(const char *workspace, int64_t overlay, char ret[PATH_MAX]);
void disks_user_path(const char *workspace, char ret[PATH_MAX]);
void disks_image_path(const char *image, uint64_t version, char ret[PATH_MAX]);

/* Whether the overlay's file is there. */
bool disks_overlay_exists(struct state *state, const char *workspace, int64_t overlay);

/* Makes the folder and, if the policy wants one and there is none, the user disk. It is never replaced. */
int disks_prepare(struct state *state, const char *workspace, const struct nxt_policy *policy);

/*
 * Makes sure that there is a spare clean overlay on this version, so that going to it makes no file. 1:
 * made one.
 */
int disks_make_spare(struct state *state, const char *workspace, const char *manifest);

/*
 * An empty overlay that nothing points to yet: on a version, or on another overlay of the workspace.
 * -EMLINK: the chain would become too long. -ENOENT: that overlay or manifest is not there.
 */
int disks_new_on_version(struct state *state, const char *workspace, const char *manifest, int64_t *ret);
int disks_new_on_overlay(struct state *state, const char *workspace, int64_t parent, int64_t *ret);

/* A clean overlay on a version: the spare one if there is one, else a new one. */
int disks_take_clean(struct state *state, const char *workspace, const char *manifest, int64_t *ret);

/*
 * Points the workspace to this overlay, and to what its chain stands on. Meant for a transaction of the
 * caller's.
 */
int disks_switch(struct state *state, const char *workspace, int64_t overlay);

/* Snapshots by name. -EEXIST: the name is taken. */
int snapshot_add(struct state *state, const char *workspace, const char *name, int64_t overlay,
		 const char *why);
int snapshot_find(struct state *state, const char *workspace, const char *name, int64_t *ret_overlay);
int snapshot_remove(struct state *state, const char *workspace, const char *name);
/* Forgets the oldest of those that were not made by hand, down to `keep`. How many it forgot. */
int snapshot_retain(struct state *state, const char *workspace, uint64_t keep);

/*
 * Removes one thing that nothing needs: 1 if there was one. Called when there is nothing better to do;
 * deleting a large file takes time.
 */
int disks_clean(struct state *state);
/* At start-up: removes the files in workspaces/ that no row stands for. */
int disks_sweep(struct state *state);
/* Removes a workspace that is assigned no more, with all its data. */
int disks_erase(struct state *state, const char *workspace);

#endif
