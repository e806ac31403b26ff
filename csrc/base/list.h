/* Intrusive doubly linked list. Head and node are one type; a node that is in no list has
** next == NULL, so "is it waiting?" is one load and removing twice is fine. */
#ifndef ART_BASE_LIST_H
#define ART_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct art_list {
  struct art_list *prev, *next;
};

/* The struct that embeds 'ptr' as its member 'field'. */
#define ART_CONTAINER(ptr, type, field) ((type *)(void *)((char *)(ptr)-offsetof(type, field)))

static inline void art_list_init(struct art_list *head) {
  head->prev = head->next = head;
}

static inline bool art_list_empty(const struct art_list *head) {
  return head->next == head;
}

static inline bool art_list_linked(const struct art_list *node) {
  return node->next != NULL;
}

static inline struct art_list *art_list_first(const struct art_list *head) {
  return art_list_empty(head) ? NULL : head->next;
}

/* Puts 'node' before 'at'; with 'at' the head, that is the end of the list. */
static inline void art_list_insert(struct art_list *at, struct art_list *node) {
  node->prev = at->prev;
  node->next = at;
  at->prev->next = node;
  at->prev = node;
}

static inline void art_list_push(struct art_list *head, struct art_list *node) {
  art_list_insert(head, node);
}

/* Nothing if the node is in no list. */
static inline void art_list_remove(struct art_list *node) {
  if (node->next == NULL) return;
  node->prev->next = node->next;
  node->next->prev = node->prev;
  node->prev = node->next = NULL;
}

/* The first node, removed; NULL if the list is empty. */
static inline struct art_list *art_list_pop(struct art_list *head) {
  struct art_list *node = art_list_first(head);
  if (node != NULL) art_list_remove(node);
  return node;
}

/* Moves all of 'from' to the end of 'to'; 'from' is empty afterwards. */
static inline void art_list_splice(struct art_list *to, struct art_list *from) {
  if (art_list_empty(from)) return;
  from->next->prev = to->prev;
  to->prev->next = from->next;
  from->prev->next = to;
  to->prev = from->prev;
  art_list_init(from);
}

#endif
