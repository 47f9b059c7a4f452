"""A plan that follows edits of its network: only what an edit can change is computed again.

`engine.PlanEngine` holds land and settings, `engine.PlanState` what was planned for one network. A
state is never changed: an edit makes another that shares all tiles which it did not touch. What a
state says equals `lensong.coverage.plan.plan` of its network to the last bit, because every pixel
goes through the same kernels in the same order.
"""
