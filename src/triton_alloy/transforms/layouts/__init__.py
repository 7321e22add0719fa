"""tt -> tt with layouts: which register of which lane of which simdgroup holds which element.

axis, axis_info, axis_rules     how contiguous, aligned and constant every integer and pointer is
slices              operands of dots are loaded in slices along k; dot_users: what becomes of the results of dots
layout_rules        how layouts pass through ops that compute nothing across threads
layout_choice       which layout suits an access or a dot best
wanted_layouts      in which layouts a tensor is used
natural_layouts     the layouts of the tensors that are worth keeping where they are; sweeps: in which order they are
                    decided
assign_layouts      the stage: gives every tensor its layout, with conversions where users differ; says of each
                    access how wide it is, and of each dot which unit does it
"""
